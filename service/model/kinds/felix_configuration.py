"""Felix's configuration: the fields that change a verdict. Unset is None, "" or as the type says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.addresses import read_networks
from service.model.document import API_SERVER, Fields
from service.model.kind import Kind, calico_gvks
from service.model.meta import Layer
from service.model.protocols import MAX_PORT, TCP, UDP, read_port, read_ports
from service.model.selector_fields import parse_fault
from service.net.prefixes import PrefixError, parse_network

if TYPE_CHECKING:
    from service.model.document import Document, Reader
    from service.model.meta import Meta
    from service.model.rule import Port
    from service.net.prefixes import Prefix


@dataclass(frozen=True, slots=True)
class FailsafePort:
    """A failsafe entry; ``fatal`` where Felix cannot parse its protocol and refuses to start.

    Source: felix/config/param_types.go (only tcp and udp, in any case).
    """

    protocol: int
    port: int
    net: Prefix | None = None
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class FelixConfiguration:
    """A FelixConfiguration, as written: an unset failsafe list (None) is Felix's default list."""

    meta: Meta
    node_selector: str = ""
    failsafe_inbound: tuple[FailsafePort, ...] | None = None
    failsafe_outbound: tuple[FailsafePort, ...] | None = None
    default_endpoint_to_host_action: str = ""
    iptables_filter_allow_action: str = ""
    iptables_mangle_allow_action: str = ""
    iptables_filter_deny_action: str = ""
    nftables_filter_allow_action: str = ""
    nftables_mangle_allow_action: str = ""
    nftables_filter_deny_action: str = ""
    nftables_mode: str = ""
    chain_insert_mode: str = ""
    interface_prefix: str = ""
    interface_exclude: str = ""
    kube_node_port_ranges: tuple[Port, ...] | None = None
    nat_port_range: Port | None = None
    nat_outgoing_exclusions: str = ""
    disable_conntrack_invalid_check: bool | None = None
    allow_vxlan_packets_from_workloads: bool | None = None
    allow_ipip_packets_from_workloads: bool | None = None
    workload_source_spoofing: str = ""
    service_loop_prevention: str = ""
    ipv6_support: bool | None = None
    external_nodes: tuple[Prefix, ...] = ()
    bpf_enabled: bool | None = None
    bpf_connect_time_load_balancing: str = ""
    bpf_connect_time_load_balancing_enabled: bool | None = None
    bpf_host_networked_nat_without_ctlb: str = ""
    bpf_external_service_mode: str = ""
    bpf_data_iface_pattern: str = ""
    bpf_l3_iface_pattern: str = ""
    xdp_enabled: bool | None = None
    wireguard_enabled: bool | None = None
    wireguard_enabled_v6: bool | None = None


_DEFAULTS = {"nftablesFlowTableOffload": "Disabled", "nftablesMode": "Auto"}
_MAX_RANGES = 7
_ACCEPT_RETURN = ("Accept", "Return")
_DROP_REJECT = ("Drop", "Reject")
_WORDS = {
    "defaultEndpointToHostAction": ("Drop", "Accept", "Return"),
    "iptablesFilterAllowAction": _ACCEPT_RETURN,
    "iptablesMangleAllowAction": _ACCEPT_RETURN,
    "iptablesFilterDenyAction": _DROP_REJECT,
    "nftablesFilterAllowAction": _ACCEPT_RETURN,
    "nftablesMangleAllowAction": _ACCEPT_RETURN,
    "nftablesFilterDenyAction": _DROP_REJECT,
    "chainInsertMode": ("insert", "append"),
}
"""The words that the schema allows, in any case."""


def _decode(document: Document) -> FelixConfiguration:
    # A hundred more fields change no verdict, and each release adds some: they are left alone.
    spec = document.spec(Fields.SOME)
    for key, value in _DEFAULTS.items():
        if not spec.has(key):
            document.default(spec.at(key), value, API_SERVER)
    for key, words in _WORDS.items():
        _check_word(document, spec, key=key, words=words)
    config = FelixConfiguration(
        meta=document.meta,
        node_selector=spec.string("nodeSelector"),
        failsafe_inbound=_read_failsafes(document, spec, "failsafeInboundHostPorts"),
        failsafe_outbound=_read_failsafes(document, spec, "failsafeOutboundHostPorts"),
        default_endpoint_to_host_action=spec.string("defaultEndpointToHostAction"),
        iptables_filter_allow_action=spec.string("iptablesFilterAllowAction"),
        iptables_mangle_allow_action=spec.string("iptablesMangleAllowAction"),
        iptables_filter_deny_action=spec.string("iptablesFilterDenyAction"),
        nftables_filter_allow_action=spec.string("nftablesFilterAllowAction"),
        nftables_mangle_allow_action=spec.string("nftablesMangleAllowAction"),
        nftables_filter_deny_action=spec.string("nftablesFilterDenyAction"),
        nftables_mode=spec.string("nftablesMode", _DEFAULTS["nftablesMode"]),
        chain_insert_mode=spec.string("chainInsertMode"),
        interface_prefix=spec.string("interfacePrefix"),
        interface_exclude=spec.string("interfaceExclude"),
        kube_node_port_ranges=_read_ranges(document, spec),
        nat_port_range=_read_nat_range(document, spec),
        nat_outgoing_exclusions=spec.string("natOutgoingExclusions"),
        disable_conntrack_invalid_check=spec.boolean("disableConntrackInvalidCheck"),
        allow_vxlan_packets_from_workloads=spec.boolean("allowVXLANPacketsFromWorkloads"),
        allow_ipip_packets_from_workloads=spec.boolean("allowIPIPPacketsFromWorkloads"),
        workload_source_spoofing=spec.string("workloadSourceSpoofing"),
        service_loop_prevention=spec.string("serviceLoopPrevention"),
        ipv6_support=spec.boolean("ipv6Support"),
        external_nodes=read_networks(
            document, spec, "externalNodesList", refused_by=(Layer.VALIDATOR, Layer.RUNTIME)
        ),
        bpf_enabled=spec.boolean("bpfEnabled"),
        bpf_connect_time_load_balancing=spec.string("bpfConnectTimeLoadBalancing"),
        bpf_connect_time_load_balancing_enabled=spec.boolean("bpfConnectTimeLoadBalancingEnabled"),
        bpf_host_networked_nat_without_ctlb=spec.string("bpfHostNetworkedNATWithoutCTLB"),
        bpf_external_service_mode=spec.string("bpfExternalServiceMode"),
        bpf_data_iface_pattern=spec.string("bpfDataIfacePattern"),
        bpf_l3_iface_pattern=spec.string("bpfL3IfacePattern"),
        xdp_enabled=spec.boolean("xdpEnabled"),
        wireguard_enabled=spec.boolean("wireguardEnabled"),
        wireguard_enabled_v6=spec.boolean("wireguardEnabledV6"),
    )
    _check(document, spec, config)
    return config


def _check(document: Document, spec: Reader, config: FelixConfiguration) -> None:
    name = document.meta.ref.name
    if config.node_selector and (name == "default" or name.startswith("node.")):
        message = f"the configuration {name} takes no nodeSelector"
        document.problem(Layer.SCHEMA, message, at=spec.at("nodeSelector"))
    fault = parse_fault(config.node_selector)
    if fault:
        message = f"the nodeSelector does not parse: {fault}"
        document.problem(Layer.VALIDATOR, message, at=spec.at("nodeSelector"))
    if config.nftables_filter_deny_action.lower() == "reject":
        document.problem(
            Layer.DATAPLANE,
            "Reject: with host endpoints, nftables refuses what Felix writes, and with it every later"
            " policy update",
            at=spec.at("nftablesFilterDenyAction"),
            hint="leave it at Drop",
        )


def _check_word(document: Document, spec: Reader, *, key: str, words: tuple[str, ...]) -> None:
    text = spec.value(key)
    if isinstance(text, str) and text and text.lower() not in {word.lower() for word in words}:
        message = f"{text[:64]!r} is no {key}: {', '.join(words)}"
        document.problem(Layer.SCHEMA, message, at=spec.at(key))


def _read_failsafes(document: Document, spec: Reader, key: str) -> tuple[FailsafePort, ...] | None:
    if not spec.has(key):
        return None
    return tuple(_read_failsafe(document, reader) for reader in spec.children(key))


def _read_failsafe(document: Document, reader: Reader) -> FailsafePort:
    port = reader.integer("port")
    at = reader.at("port")
    if not reader.has("port"):
        document.problem(Layer.SCHEMA, "a failsafe entry needs a port", at=at)
    elif port is not None and not 0 <= port <= MAX_PORT:
        document.undecodable(f"{port} is beyond the ports 0 to {MAX_PORT}", at=at)
    name = reader.string("protocol")
    protocol = {"tcp": TCP, "udp": UDP}.get(name.lower(), 0)
    net, is_net_legible = _read_net(reader)
    fatal = protocol == 0 or not is_net_legible
    if fatal:
        wrong = f"the protocol {name!r}" if protocol == 0 else "its net"
        message = (
            f"Felix cannot parse this failsafe entry, because of {wrong}, and refuses to start"
        )
        hint = "write TCP or UDP" if protocol == 0 else ""
        document.problem(Layer.RUNTIME, message, at=reader.pointer, hint=hint)
    return FailsafePort(protocol, port or 0, net, fatal)


def _read_net(reader: Reader) -> tuple[Prefix | None, bool]:
    """The net of a failsafe entry, and whether it can be read; an absent one can."""
    text = reader.string("net")
    try:
        return (parse_network(text) if text else None), True
    except PrefixError:
        return None, False


def _read_ranges(document: Document, spec: Reader) -> tuple[Port, ...] | None:
    if not spec.has("kubeNodePortRanges"):
        return None
    at = spec.at("kubeNodePortRanges")
    ports = read_ports(document, spec, "kubeNodePortRanges")
    if len(ports) > _MAX_RANGES:
        document.problem(Layer.VALIDATOR, f"at most {_MAX_RANGES} ranges", at=at)
    if any(port.name for port in ports):
        document.problem(Layer.VALIDATOR, "a range of node ports has no name", at=at)
    return tuple(port for port in ports if not port.name)


def _read_nat_range(document: Document, spec: Reader) -> Port | None:
    value = spec.value("natPortRange")
    return None if value is None else read_port(document, value, at=spec.at("natPortRange"))


KIND = Kind(
    gvks=calico_gvks("FelixConfiguration"),
    plural="felixconfigurations",
    namespaced=False,
    type=FelixConfiguration,
    decode=_decode,
)
