"""One flow out of a set of them, in the trace format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.net.flow import Flow, protocol_name
from service.net.headerspace import Field
from service.net.prefixes import format_ip
from service.policy.flow_query import parse_flow
from service.policy.paths import Paths
from service.policy.senders import SenderKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.net.headerspace import HeaderSpace
    from service.policy.flow_query import FlowQuery
    from service.policy.reached import Origin
    from service.policy.world import World

_PREFERRED = {
    Field.PROTOCOL: (6, 17, 132, 1, 58, 47),
    Field.SRC_PORT: (40000,),
    Field.ICMP_TYPE: (8, 128),
}


def witness(
    world: World,
    origin: Origin,
    space: HeaderSpace,
    *,
    established: bool = False,
    prefer: Mapping[Field, Sequence[int]] = _PREFERRED,
) -> FlowQuery:
    """A flow of *space* that comes from *origin*, which a trace in *world* can follow; always the same.

    It has values of *prefer*, the first ones that a flow of *space* has.
    """
    flow = Flow.from_sample(space.family, space.sample(prefer))
    raw: dict[str, object] = {
        "from": _sender(world, origin, flow),
        "to": {"ip": format_ip(flow.family, flow.dst)},
        "protocol": protocol_name(flow.protocol),
        "family": int(flow.family),
    }
    if flow.dst_port is not None:
        raw |= {"port": flow.dst_port, "src_port": flow.src_port}
    if flow.icmp_type is not None:
        raw["icmp"] = {"type": flow.icmp_type, "code": flow.icmp_code}
    if origin.vias:
        via = origin.vias[0]
        raw["via"] = {"node": via.node, **({"interface": via.interface} if via.interface else {})}
    if established:
        raw["established"] = True
    return parse_flow(raw)


def _sender(world: World, origin: Origin, flow: Flow) -> dict[str, str]:
    topology = Paths(world, flow.family, flow.protocol).topology
    source = (flow.family, flow.src)
    if origin.kind is SenderKind.NODE:
        node = origin.nodes[0] if origin.nodes else topology.owner(source)
        if node:
            return {"node": node}
    if origin.kind is SenderKind.POD:
        pod = topology.pod(source)
        if pod is not None:
            return {"pod": pod.name}
    return {"ip": format_ip(*source)}
