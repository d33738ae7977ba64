"""Felix's configuration: the fields that change a verdict. Unset is None, "" or as the type says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
