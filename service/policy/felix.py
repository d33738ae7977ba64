"""The Felix configuration that is effective on one node."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from service.errors import SelectorError
from service.model.kinds.felix_configuration import FailsafePort, FelixConfiguration
from service.model.rule import Port
from service.model.selector import parse
from service.net.flow import PROTOCOL_NUMBERS
from service.net.prefixes import Family
from service.policy.cause import Hook
from service.policy.felix_environment import NO_ENVIRONMENT
from service.policy.profile import DEFAULT_PROFILE, Dataplane

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from service.model.kinds.node import Node
    from service.net.prefixes import Prefix
    from service.policy.felix_environment import FelixEnvironment
    from service.policy.profile import ClusterProfile

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
_ALL_PORTS_SINCE, _TYPHA_SINCE = 14, 15
"""The releases that brought the failsafe ports 6443 and 5473."""
_EARLIER = (22, 68, 53, 67, 179, 2379, 2380, 6666, 6667)
_NODE_PORTS = ((30000, 32767),)
_DATA_INTERFACES = r"^((en|wl|ww|sl|ib)[Popsx].*|(eth|wlan|wwan|bond).*)"
_IPVS_DEVICE = "kube-ipvs0"
BPF_DOUBT = (
    "Felix runs eBPF programs at interfaces of some names, and which one this is, is not known"
)
"""Why it cannot be told whether what hosts' policy denies is denied; what it lets pass does pass."""


@dataclass(frozen=True, slots=True)
class FelixView:
    """What Felix on one node runs with. ``doubts`` are reasons why its verdicts there are unknown."""

    failsafe_inbound: tuple[FailsafePort, ...] = DEFAULT_INBOUND
    failsafe_outbound: tuple[FailsafePort, ...] = DEFAULT_OUTBOUND
    ipv6: bool = True
    interface_exclude: str = "kube-ipvs0"
    interface_prefix: str = "cali"
    dataplane: Dataplane = Dataplane.AUTO
    endpoint_to_host_action: str = "Drop"
    nat_outgoing_exclusions: str = "IPPoolsOnly"
    workloads_may_send_vxlan: bool = False
    workloads_may_send_ipip: bool = False
    workloads_may_spoof: bool = False
    external_nodes: tuple[Prefix, ...] = ()
    nft_rejects: bool = False
    """Whether Felix is to reject in nftables, which with host endpoints stops all programming."""
    encrypts: frozenset[Family] = frozenset()
    """The families in which WireGuard carries what pods of different nodes send each other."""
    appends_chains: bool = False
    prevents_loops: bool = True
    node_port_ranges: tuple[tuple[int, int], ...] = _NODE_PORTS
    """Where Felix takes what comes to a host for traffic of kube-proxy's IPVS."""
    nat_ports: tuple[int, int] | None = None
    program_interfaces: tuple[str, ...] = (_DATA_INTERFACES,)
    """Patterns of the interfaces at which eBPF programs enforce the policies of hosts."""
    connect_balancing: str = "TCP"
    translates_for_hosts: bool = True
    """Whether programs translate what hosts call and no socket has translated."""
    doubts: tuple[str, ...] = ()
    polices: bool = True
    """Whether hosts' policy is enforced at all, in the view of one interface."""

    def programs(self, family: Family) -> bool:
        """Whether Felix programs anything for *family*: without ``ipv6Support``, IPv6 is left alone."""
        return family is Family.V4 or self.ipv6

    @property
    def may_be_bypassed(self) -> bool:
        """Whether other rules of the host may come before Felix's; in nftables its tables are its own."""
        return self.appends_chains and self.dataplane not in {Dataplane.NFTABLES, Dataplane.BPF}

    @property
    def blind(self) -> tuple[str, ...]:
        """The doubts that leave nothing known; of eBPF it is known that what no policy denies passes."""
        return tuple(one for one in self.doubts if one != BPF_DOUBT)

    @property
    def settled(self) -> FelixView:
        """The same, wherever eBPF programs stand: for whoever knows, or asks what policies say only."""
        return replace(self, doubts=self.blind) if BPF_DOUBT in self.doubts else self

    def at(self, interface: str, hook: Hook | None = None) -> FelixView:
        """The view of one interface, where its name is known: whether an eBPF program stands there.

        Programs ask for failsafe ports after translation, and so not at the preDNAT *hook*.
        Source: felix/dataplane/linux/bpf_ep_mgr.go, felix/bpf/polprog/pol_prog_builder.go.
        """
        if BPF_DOUBT not in self.doubts:
            return self
        here = self.without_failsafes() if hook is Hook.PRE_DNAT else self
        if interface in {"", "*"}:
            return here
        try:
            is_there = any(re.search(pattern, interface) for pattern in self.program_interfaces)
        except re.error:
            return here
        return replace(here.settled, polices=is_there)

    def without_failsafes(self) -> FelixView:
        """The same with both failsafe lists empty."""
        return replace(self, failsafe_inbound=(), failsafe_outbound=())


DEFAULT_VIEW = FelixView()


def felix_view(
    configurations: Mapping[str, FelixConfiguration],
    name: str,
    node: Node | None,
    *,
    profile: ClusterProfile = DEFAULT_PROFILE,
    environment: FelixEnvironment = NO_ENVIRONMENT,
) -> FelixView:
    """The configuration of the node *name*: its own over those that select it over the default.

    Field by field; what Felix's *environment* says overrides all. *node* is None where the Node is not known.

    Source: felix/config/config_params.go; api felixconfig.go (scopes).
    """
    layers, doubts = _layers(configurations, name, node.meta.labels if node else None)
    values = _merged([*layers, *environment.layers])
    doubts += environment.doubts
    minor = profile.release.minor
    inbound = _failsafes(values.get("failsafe_inbound"), _of_release(DEFAULT_INBOUND, minor))
    outbound = _failsafes(values.get("failsafe_outbound"), _of_release(DEFAULT_OUTBOUND, minor))
    dataplane = _dataplane(values, profile, node)
    doubts += _doubts(values, profile, dataplane)
    return FelixView(
        failsafe_inbound=inbound,
        failsafe_outbound=outbound,
        ipv6=values.get("ipv6_support") is not False,
        interface_exclude=str(values.get("interface_exclude") or DEFAULT_VIEW.interface_exclude),
        interface_prefix=str(values.get("interface_prefix") or DEFAULT_VIEW.interface_prefix),
        dataplane=dataplane,
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
        nft_rejects=_word(values, "nftables_filter_deny_action") == "reject",
        encrypts=_encrypted(values),
        appends_chains=_word(values, "chain_insert_mode") == "append",
        prevents_loops=_word(values, "service_loop_prevention") != "disabled",
        node_port_ranges=_ranges(values.get("kube_node_port_ranges")),
        nat_ports=_range(values.get("nat_port_range")),
        program_interfaces=_patterns(values),
        connect_balancing=_connect_balancing(values),
        translates_for_hosts=_word(values, "bpf_host_networked_nat_without_ctlb") != "disabled",
        doubts=tuple(doubts),
    )


def _dataplane(
    values: Mapping[str, object], profile: ClusterProfile, node: Node | None
) -> Dataplane:
    """What the owner says, else what the configuration and the node's devices tell.

    Felix finds IPVS by its device. Source: felix/dataplane/driver.go.
    """
    interfaces = (node.interfaces if node else None) or ()
    if profile.dataplane is not Dataplane.AUTO:
        return profile.dataplane
    if values.get("bpf_enabled") is True:
        return Dataplane.BPF
    if any(interface.name == _IPVS_DEVICE for interface in interfaces):
        return Dataplane.IPVS
    mode = _word(values, "nftables_mode")
    return {"enabled": Dataplane.NFTABLES, "disabled": Dataplane.IPTABLES}.get(mode, Dataplane.AUTO)


def _doubts(
    values: Mapping[str, object], profile: ClusterProfile, dataplane: Dataplane
) -> Iterator[str]:
    """Why the verdicts of the node are not known at all."""
    lists = (values.get("failsafe_inbound"), values.get("failsafe_outbound"))
    if any(port.fatal for one in lists for port in _failsafes(one, ())):
        yield (
            "Felix refuses its whole configuration (a failsafe port with a protocol other than TCP or "
            "UDP): what it enforces then is not known"
        )
    if dataplane is Dataplane.BPF:
        yield BPF_DOUBT
    if dataplane is Dataplane.IPVS and _word(values, "nftables_mode") == "enabled":
        yield "Felix in nftables mode beside kube-proxy in IPVS mode is not modelled"
    if profile.release.minor == _ALL_PORTS_SINCE and None in lists:
        yield f"whether {profile.release} lets 6443 pass as a failsafe port depends on its patch release"


def _of_release(ports: tuple[FailsafePort, ...], minor: int) -> tuple[FailsafePort, ...]:
    """The default failsafe list of a release, whose last ports came one by one."""
    if minor >= _TYPHA_SINCE:
        return ports
    kept = (*_EARLIER, 6443) if minor == _ALL_PORTS_SINCE else _EARLIER
    return tuple(one for one in ports if one.port in kept)


def _encrypted(values: Mapping[str, object]) -> frozenset[Family]:
    fields = {Family.V4: "wireguard_enabled", Family.V6: "wireguard_enabled_v6"}
    return frozenset(family for family, name in fields.items() if values.get(name) is True)


def _word(values: Mapping[str, object], name: str) -> str:
    return str(values.get(name) or "").lower()


def _ranges(value: object) -> tuple[tuple[int, int], ...]:
    ports = value if isinstance(value, tuple) else ()
    return tuple((one.lo, one.hi) for one in ports) or _NODE_PORTS


def _range(value: object) -> tuple[int, int] | None:
    return (value.lo, value.hi) if isinstance(value, Port) and not value.name else None


def _patterns(values: Mapping[str, object]) -> tuple[str, ...]:
    data = str(values.get("bpf_data_iface_pattern") or _DATA_INTERFACES)
    routed = str(values.get("bpf_l3_iface_pattern") or "")
    return (data, routed) if routed else (data,)


def _connect_balancing(values: Mapping[str, object]) -> str:
    """Which calls of Services sockets translate: TCP, Enabled (all) or Disabled.

    Source: api felixconfig.go; the older field of the two holds where the newer is not set.
    """
    told = _word(values, "bpf_connect_time_load_balancing").capitalize()
    if told:
        return "TCP" if told == "Tcp" else told
    older = values.get("bpf_connect_time_load_balancing_enabled")
    return "TCP" if older is None else "Enabled" if older else "Disabled"


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
