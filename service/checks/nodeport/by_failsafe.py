"""Node ports that eBPF programs let by before any policy, because they lead to a failsafe port of a host.

Source: felix/bpf/polprog/pol_prog_builder.go: failsafe ports count after translation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from service.checks.nodeport.question import Remark, nodes_text
from service.checks.settings import Unknown
from service.checks.verdict import Result
from service.model.kinds.endpoint_slice import EndpointSlice
from service.net.intervals import IntervalSet
from service.policy.entries import known_addresses
from service.policy.facts import Facts
from service.policy.profile import Dataplane

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.checks.nodeport.judge import Judge
    from service.checks.nodeport.openings import Opening
    from service.checks.nodeport.question import Question
    from service.model.kinds.k8s_service import Service, ServicePort
    from service.policy.world import World


Ends = dict[tuple[str, str], set[tuple[str, int]]]
"""By Service, which has slices: its ports that lead to hosts, each by name and number."""


MAY_PASS = "whether a backend is the host itself, at a failsafe port"  # noqa: S105 - no password
"""What is not known of such a node port."""


def by_failsafe(judge: Judge, question: Question) -> Iterator[Remark]:
    """That a guard of *question* may be passed by, if the Service leads to hosts at a failsafe port."""
    nodes = passed_by(judge.world, judge.nodes(), question.opening)
    if nodes:
        yield _remark(judge, nodes)


def passed_by(world: World, among: Iterable[str], opening: Opening) -> list[str]:
    """The nodes *among* those given whose programs may let packets to *opening* by before policy."""
    programmed = _programmed(world)
    nodes = [one for one in among if one in programmed] if programmed else []
    if opening.health or not nodes:
        return []
    targets = {
        target
        for port in opening.service.ports
        if port.protocol == opening.protocol and IntervalSet.single(port.node_port) <= opening.ports
        for target in _at_hosts(world, opening.service, port)
    }
    return [
        node
        for node in nodes
        if any(
            one.protocol == opening.protocol and one.port in targets
            for one in world.felix(node).failsafe_inbound
        )
    ]


def _remark(judge: Judge, nodes: list[str]) -> Remark:
    return Remark(
        reason="unknown",
        result=Result.FAIL if judge.settings.unknown is Unknown.DENY else Result.WARN,
        said=f" may not be guarded on {nodes_text(tuple(nodes))}: it leads to a failsafe port, and eBPF "
        "programs let by what is for one of the host itself, before any policy",
        advice="Take the port out of failsafeInboundHostPorts, or let the Service lead to another one.",
        unknown=(MAY_PASS,),
        details={"nodes": [*nodes]},
        key="failsafe port behind",
    )


def _at_hosts(world: World, service: Service, port: ServicePort) -> Iterator[int]:
    """The ports of hosts that the Service may lead to; where no slice tells, the target if it is a number."""
    ends = _ends(world)
    key = (service.meta.ref.namespace, service.meta.ref.name)
    if key in ends:
        yield from (number for name, number in ends[key] if name == port.name)
    elif isinstance(port.target_port, int):
        yield port.target_port


def _programmed(world: World) -> frozenset[str]:
    """The nodes with eBPF programs; worked out once for all policies and Services."""
    known = world.facts(Facts.LIKENESS)
    key = "nodes with eBPF programs"
    if key not in known:
        planes = ((one, world.felix(one).dataplane) for one in world.node_names)
        known[key] = frozenset(one for one, plane in planes if plane is Dataplane.BPF)
    return cast("frozenset[str]", known[key])


def _ends(world: World) -> Ends:
    known = world.facts(Facts.BACKENDS)
    key = "ends at hosts"
    if key not in known:
        hosts = {address for node in world.node_names for address in known_addresses(world, node)}
        found: Ends = {}
        for one in world.snapshot.all(EndpointSlice).values():
            ports = found.setdefault((one.meta.ref.namespace, one.service), set())
            if any(address in hosts for end in one.endpoints for address in end.addresses):
                ports.update((port.name, port.port) for port in one.ports if port.port)
        known[key] = found
    return cast("Ends", known[key])
