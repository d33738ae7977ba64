"""The Felix configuration that is effective on one node."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from service.errors import SelectorError
from service.model.kinds.felix_configuration import FailsafePort, FelixConfiguration
from service.model.selector import parse
from service.net.flow import PROTOCOL_NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from service.net.prefixes import Prefix

_TCP, _UDP = PROTOCOL_NUMBERS["TCP"], PROTOCOL_NUMBERS["UDP"]
_BOTH_WAYS = (179, 2379, 2380, 5473, 6443, 6666, 6667)

DEFAULT_INBOUND = tuple(
    FailsafePort(protocol, port)
    for protocol, ports in ((_TCP, (22, *_BOTH_WAYS)), (_UDP, (68,)))
    for port in ports
)
"""Source: felix/config/config_params.go, FailsafeInboundHostPorts."""

DEFAULT_OUTBOUND = tuple(
    FailsafePort(protocol, port)
    for protocol, ports in ((_TCP, _BOTH_WAYS), (_UDP, (53, 67)))
    for port in ports
)
"""Source: felix/config/config_params.go, FailsafeOutboundHostPorts."""

_UNSET = (None, "", ())


@dataclass(frozen=True, slots=True)
class FelixView:
    """What Felix on one node runs with. ``doubts`` are reasons why its verdicts there are unknown."""

    failsafe_inbound: tuple[FailsafePort, ...] = DEFAULT_INBOUND
    failsafe_outbound: tuple[FailsafePort, ...] = DEFAULT_OUTBOUND
    ipv6: bool = True
    interface_exclude: str = "kube-ipvs0"
    interface_prefix: str = "cali"
    nftables_mode: str = "Auto"
    endpoint_to_host_action: str = "Drop"
    nat_outgoing_exclusions: str = "IPPoolsOnly"
    workloads_may_send_vxlan: bool = False
    workloads_may_send_ipip: bool = False
    workloads_may_spoof: bool = False
    external_nodes: tuple[Prefix, ...] = ()
    doubts: tuple[str, ...] = ()


DEFAULT_VIEW = FelixView()


def felix_view(
    configurations: Mapping[str, FelixConfiguration], node: str, labels: Mapping[str, str] | None
) -> FelixView:
    """The configuration of *node*: its own over those that select it over the default, field by field.

    ``labels`` are those of the Node, None where it is not known. Settings in Felix's environment, which
    override all, are in no object and not seen.

    Source: felix/config/config_params.go; api felixconfig.go (scopes).
    """
    layers, doubts = _layers(configurations, node, labels)
    values = _merged(layers)
    inbound = _failsafes(values.get("failsafe_inbound"), DEFAULT_INBOUND)
    outbound = _failsafes(values.get("failsafe_outbound"), DEFAULT_OUTBOUND)
    if any(port.fatal for port in (*inbound, *outbound)):
        doubts.append(
            "Felix refuses its whole configuration (a failsafe port with a protocol other than TCP or "
            "UDP): what it enforces then is not known"
        )
    if values.get("bpf_enabled") is True:
        doubts.append("the eBPF dataplane is not modelled yet")
    return FelixView(
        failsafe_inbound=inbound,
        failsafe_outbound=outbound,
        ipv6=values.get("ipv6_support") is not False,
        interface_exclude=str(values.get("interface_exclude") or DEFAULT_VIEW.interface_exclude),
        interface_prefix=str(values.get("interface_prefix") or DEFAULT_VIEW.interface_prefix),
        nftables_mode=str(values.get("nftables_mode") or DEFAULT_VIEW.nftables_mode),
        endpoint_to_host_action=str(
            values.get("default_endpoint_to_host_action") or DEFAULT_VIEW.endpoint_to_host_action
        ).capitalize(),
        nat_outgoing_exclusions=str(
            values.get("nat_outgoing_exclusions") or DEFAULT_VIEW.nat_outgoing_exclusions
        ),
        workloads_may_send_vxlan=values.get("allow_vxlan_packets_from_workloads") is True,
        workloads_may_send_ipip=values.get("allow_ipip_packets_from_workloads") is True,
        workloads_may_spoof=str(values.get("workload_source_spoofing")).capitalize() == "Any",
        external_nodes=_prefixes(values.get("external_nodes")),
        doubts=tuple(doubts),
    )


def _layers(
    configurations: Mapping[str, FelixConfiguration], node: str, labels: Mapping[str, str] | None
) -> tuple[list[FelixConfiguration], list[str]]:
    """The configurations that hold on *node*, weakest first, and what could not be told."""
    layers = [one for name, one in configurations.items() if name == "default"]
    doubts: list[str] = []
    for name, one in sorted(configurations.items()):
        if not one.node_selector or name == "default" or name.startswith("node."):
            continue
        if labels is None:
            doubts.append(
                f"FelixConfiguration {name} selects nodes by label, and the labels of {node} are not known"
            )
        elif _selects(one.node_selector, labels):
            layers.append(one)
    layers += [one for name, one in configurations.items() if name == f"node.{node}"]
    return layers, doubts


def _selects(text: str, labels: Mapping[str, str]) -> bool:
    try:
        return parse(text).matches(labels)
    except SelectorError:
        return False


def _merged(layers: Iterable[FelixConfiguration]) -> dict[str, object]:
    values: dict[str, object] = {}
    for layer in layers:
        for field in fields(layer):
            value = getattr(layer, field.name)
            # An empty failsafe list is a value ("none"); the other empty fields are unset.
            if value not in _UNSET or (field.name.startswith("failsafe") and value is not None):
                values[field.name] = value
    return values


def _failsafes(value: object, default: tuple[FailsafePort, ...]) -> tuple[FailsafePort, ...]:
    return value if isinstance(value, tuple) else default


def _prefixes(value: object) -> tuple[Prefix, ...]:
    return value if isinstance(value, tuple) else ()
