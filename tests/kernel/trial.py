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
from tests.kernel.probes import UDP, Probe
from tests.kernel.wire import Arrival, Sender, Wire
from tests.reference.choices import Choices
from tests.reference.flows import start
from tests.reference.overlay import VXLAN_PORT
from tests.reference.world import World

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from service.policy.trace import Trace
    from tests.reference.packet import Address
    from tests.reference.policies import Raw

_ATTEMPTS = 3
_WORDS_OF_A_HOOK = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """A flow, what the kernel made of its packet, and the trace.

    ``dropped`` is "node hook direction" of the rule that dropped it, with "policy index" where it is a
    policy's, and "" where it was received, or lost on the way.
    """

    flow: Raw
    arrival: Arrival | None
    dropped: str
    trace: Trace

    @property
    def delivered(self) -> bool:
        """Whether it was received."""
        return self.arrival is not None

    @property
    def place(self) -> str:
        """Where it was received, or by what rule it was dropped."""
        return self.arrival.place if self.arrival else self.dropped

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
    _pair: tuple[Bed, Wire] | None = None
    _numbers: int = 0

    def close(self) -> None:
        """Give up the bed."""
        if self._pair:
            bed, wire = self._pair
            wire.close()
            bed.close()

    def try_world(
        self, objects: Sequence[Raw], flows: Iterable[Raw], *, hidden: Collection[str] = ()
    ) -> list[Outcome]:
        """What became of each flow in the world of *objects*, of which the engine sees no *hidden* kinds."""
        world = World(objects)
        _, wire = self._loaded(world)
        wire.forget()
        return self._tried(world, flows, _engine(objects, hidden))

    def try_established(
        self, before: Sequence[Raw], after: Sequence[Raw], flows: Iterable[Raw]
    ) -> list[Outcome]:
        """What becomes, under the policies of *after*, of connections that *before* has allowed.

        Both have the same pods and Services. Those flows are told of that have been answered.
        """
        opened = [one for one in self.try_world(before, flows) if _is_tracked(one)]
        answered = self._answered(opened)
        world = World(after)
        self._loaded(world)
        again = [{**one.flow, "established": True} for one in answered]
        return self._tried(world, again, _engine(after))

    def _answered(self, opened: list[Outcome]) -> list[Outcome]:
        """Those of which an answer has reached the sender."""
        bed, wire = self._wired
        replies, asked = [], {}
        for one in opened:
            self._numbers += 1
            asked[self._numbers] = one
            replies.append(_reply(one.arrival, bed, number=self._numbers))
        seen = wire.send(replies)
        return [
            one
            for number, one in asked.items()
            if number in seen.received and seen.received[number].place == _home(one.flow)
        ]

    def _tried(self, world: World, flows: Iterable[Raw], engine: EngineWorld) -> list[Outcome]:
        """Every flow sent; again, if it should have been received."""
        traces = [(flow, trace(engine, parse_flow(flow))) for flow in flows]
        found: dict[int, Outcome] = {}
        pending = list(range(len(traces)))
        for _ in range(_ATTEMPTS):
            for at, (arrival, dropped) in self._sent(
                [(at, traces[at][0]) for at in pending], world
            ).items():
                found[at] = Outcome(traces[at][0], arrival, dropped, traces[at][1])
            pending = [at for at in pending if not found[at].agrees]
            if not pending:
                break
        return [found[at] for at in range(len(traces))]

    def _loaded(self, world: World) -> tuple[Bed, Wire]:
        """The bed of the world's shape with its rules."""
        wanted = shape(world)
        if wanted != self._shape or not self._pair:
            self.close()
            bed = Bed(world)
            self._shape, self._pair = wanted, (bed, Wire(bed))
        _load(world, self._pair[0])
        return self._pair

    @property
    def _wired(self) -> tuple[Bed, Wire]:
        if not self._pair:
            raise RuntimeError("no world has been loaded")
        return self._pair

    def _sent(
        self, flows: list[tuple[int, Raw]], world: World
    ) -> dict[int, tuple[Arrival | None, str]]:
        """Of each flow its arrival, and which rule dropped it."""
        bed, wire = self._wired
        numbers, probes = {}, []
        for at, flow in flows:
            self._numbers += 1
            numbers[at] = self._numbers
            probes.append(probe(flow, world, bed, number=self._numbers))
        seen = wire.send(probes)
        return {
            at: (seen.received.get(number), seen.dropped.get(number, ""))
            for at, number in numbers.items()
        }


def _engine(objects: Iterable[Raw], hidden: Collection[str] = ()) -> EngineWorld:
    kept = (one for one in objects if one["kind"] not in hidden)
    return EngineWorld.of(Snapshot.of(map(_decoded, kept)))


def _is_tracked(one: Outcome) -> bool:
    """Is it a UDP connection that every node on its way tracks, and whose answer comes back that way?"""
    is_udp = one.flow["protocol"] == "UDP" and one.flow["port"] != VXLAN_PORT
    stages = one.trace.stages
    untracked = any(
        stage.hook.value == "untracked" and stage.verdict.value == "allow" for stage in stages
    )
    is_straight = "ip" not in one.flow["from"] or len({stage.node for stage in stages}) == 1
    return one.agrees and one.delivered and is_udp and is_straight and not untracked


def probe(flow: Raw, world: World, bed: Bed, *, number: int) -> tuple[Sender, Probe]:
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


def _reply(met: Arrival, bed: Bed, *, number: int) -> tuple[Sender, Probe]:
    """The answer to a packet, from whoever has it."""
    ports = {"source_port": met.port, "port": met.source_port}
    sender = Sender(bed.namespace(met.place))
    return sender, Probe(number, met.destination, met.source, UDP, **ports)


def _home(flow: Raw) -> str:
    """The name of the namespace that a flow starts in."""
    sender = flow["from"]
    return "outside" if "ip" in sender else str(sender.get("pod") or sender["node"])


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
        for script in rules.scripts():
            bed.nodes[host.name].nft(script)


def _decoded(raw: Raw) -> Decoded:
    decoded = decode_object(raw, SourceLocation("world.yaml"))
    if not isinstance(decoded, Decoded):
        raise TypeError(f"{raw['kind']} is no kind that is read")
    return decoded
