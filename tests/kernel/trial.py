"""One world tried: its rules loaded, its flows sent, and what the engine's trace says of each beside it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, SOCK_DGRAM, socket
from typing import TYPE_CHECKING

from service.errors import SourceLocation
from service.model.decode import decode_object
from service.model.meta import Decoded
from service.model.snapshot import Snapshot
from service.policy.trace import parse_flow, trace
from service.policy.world import World as EngineWorld
from tests.kernel.bed import Bed, shape
from tests.kernel.hooks import NodeRules
from tests.kernel.kube_proxy import service_addresses
from tests.kernel.matches import Matches
from tests.kernel.probes import Probe
from tests.kernel.wire import Sender, Wire
from tests.reference.choices import Choices
from tests.reference.flows import start
from tests.reference.world import World

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from service.policy.trace import Trace
    from tests.reference.packet import Address
    from tests.reference.policies import Raw

_ATTEMPTS = 3
_WORDS_OF_A_HOOK = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """A flow, what the kernel made of its packet, and the trace.

    ``place`` is the namespace that has received it, else "node hook direction" of the rule that dropped
    it, with "policy index" where it is a policy's, else "" where it was lost on the way.
    """

    flow: Raw
    delivered: bool
    place: str
    trace: Trace

    @property
    def expected(self) -> str:
        """The engine's disposition."""
        return self.trace.disposition.value

    @property
    def deciders(self) -> list[str]:
        """The stages of the trace that deny, in the form of ``place``; several where chance leads on."""
        return [
            f"{stage.node} {stage.hook.value} {stage.direction.value}"
            + ("" if stage.rule is None else f" {stage.policy} {stage.rule}")
            for stage in self.trace.stages
            if stage.verdict.value == "deny"
        ]

    @property
    def agrees(self) -> bool:
        """The same disposition, and a denial by the same rule; what is unknown disagrees with nothing."""
        if self.expected == "unknown":
            return True
        if self.delivered or self.expected == "allowed":
            return self.delivered and self.expected == "allowed"
        return self.denial != "elsewhere"

    @property
    def denial(self) -> str:
        """How well the trace tells which rule denies: "rule", "hook" only, "elsewhere" or "untold".

        Untold is what kube-proxy leaves untranslated, and the kernel loses on its way to nobody.
        """
        if not self.place or any(" dnat " in one for one in self.deciders):
            return "untold"
        if self.place not in self.deciders:
            return "elsewhere"
        return "rule" if len(self.place.split()) > _WORDS_OF_A_HOOK else "hook"


@dataclass(slots=True)
class Lab:
    """Beds by shape: worlds of one shape share a bed, with other rules."""

    _shape: str = ""
    _bed: Bed | None = None
    _wire: Wire | None = None
    _numbers: int = 0

    def close(self) -> None:
        """Give up the bed."""
        if self._wire:
            self._wire.close()
        if self._bed:
            self._bed.close()

    def try_world(
        self, objects: Sequence[Raw], flows: Iterable[Raw], *, hidden: Collection[str] = ()
    ) -> Iterator[Outcome]:
        """What became of each flow in the world of *objects*, of which the engine sees no *hidden* kinds."""
        world = World(objects)
        bed, wire = self._wired(world)
        _load(world, bed)
        wire.forget()
        engine = EngineWorld.of(
            Snapshot.of(_decoded(one) for one in objects if one["kind"] not in hidden)
        )
        traces = [(flow, trace(engine, parse_flow(flow))) for flow in flows]
        seen: dict[int, tuple[bool, str]] = {}
        pending = list(range(len(traces)))
        for _ in range(_ATTEMPTS):
            seen |= self._sent([(at, traces[at][0]) for at in pending], world)
            pending = [
                at
                for at in pending
                if not seen[at][0] and traces[at][1].disposition.value == "allowed"
            ]
            if not pending:
                break
        for at, (flow, expected) in enumerate(traces):
            yield Outcome(flow, *seen[at], expected)

    def _wired(self, world: World) -> tuple[Bed, Wire]:
        wanted = shape(world)
        if wanted != self._shape or not self._bed or not self._wire:
            self.close()
            self._shape, self._bed = wanted, Bed(world)
            self._wire = Wire(self._bed)
        return self._bed, self._wire

    def _sent(self, flows: list[tuple[int, Raw]], world: World) -> dict[int, tuple[bool, str]]:
        assert self._bed
        assert self._wire
        numbers, probes = {}, []
        for at, flow in flows:
            self._numbers += 1
            numbers[at] = self._numbers
            probes.append(probe(flow, world, self._bed, self._numbers))
        seen = self._wire.send(probes)
        return {
            at: (
                number in seen.received,
                seen.received.get(number) or seen.dropped.get(number, ""),
            )
            for at, number in numbers.items()
        }


def probe(flow: Raw, world: World, bed: Bed, number: int) -> tuple[Sender, Probe]:
    """The packet of a flow, and where it starts."""
    begun = start(flow, world, Choices())
    packet = begun.packet
    if begun.interface is None:
        sender = Sender(bed.nodes[begun.host.name])
        source = _own_source(sender, packet.dst)
    else:
        pod = next((one for one in begun.host.pods if one.interface == begun.interface), None)
        sender = (
            Sender(next(space for one, space in bed.pods.items() if one.name == pod.name))
            if pod
            else Sender(bed.outside, bed.way_in(begun.host.name, begun.interface))
        )
        source = packet.src
    return sender, Probe(
        number,
        source,
        packet.dst,
        packet.protocol,
        packet.src_port,
        packet.dst_port,
        packet.icmp or ((8, 0) if packet.family == 4 else (128, 0)),
    )


def _own_source(sender: Sender, destination: Address) -> Address:
    """The source that the kernel gives a packet of a process there."""
    kind = AF_INET if destination.version == 4 else AF_INET6
    with sender.namespace.entered(), socket(kind, SOCK_DGRAM) as one:
        one.connect((str(destination), 9))
        return ip_address(one.getsockname()[0])


def _load(world: World, bed: Bed) -> None:
    bed.withhold(service_addresses(world))
    matches = Matches(world)
    for host in world.hosts.values():
        names = {pod.name: device for pod, device in bed.devices[host.name].items()}
        devices = {pod: names[pod.name] for pod in host.pods}
        rules = NodeRules(world, host, matches=matches, devices=devices)
        bed.nodes[host.name].nft(rules.script())


def _decoded(raw: Raw) -> Decoded:
    decoded = decode_object(raw, SourceLocation("world.yaml"))
    if not isinstance(decoded, Decoded):
        raise TypeError(f"{raw['kind']} is no kind that is read")
    return decoded
