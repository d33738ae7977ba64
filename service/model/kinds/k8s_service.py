"""Services, as the API server would default them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.model.meta import Meta
    from service.net.prefixes import Address, Family, Prefix


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port of a Service; ``node_port`` is 0 where none is allocated, ``index`` its place in the list."""

    name: str
    protocol: int
    port: int
    target_port: int | str
    node_port: int
    index: int


@dataclass(frozen=True, slots=True)
class Service:
    """A Service. ``selector`` is None where absent; ``ip_families`` is empty where absent.

    ``load_balancer_ips`` are the addresses of the status that kube-proxy intercepts (``ipMode: VIP``).
    """

    meta: Meta
    type: str = "ClusterIP"
    ports: tuple[ServicePort, ...] = ()
    selector: Mapping[str, str] | None = field(default=None)
    cluster_ips: tuple[Address, ...] = ()
    headless: bool = False
    ip_families: tuple[Family, ...] = ()
    ip_family_policy: str = ""
    external_ips: tuple[Address, ...] = ()
    load_balancer_ips: tuple[Address, ...] = ()
    load_balancer_source_ranges: tuple[Prefix, ...] = ()
    external_traffic_policy: str = "Cluster"
    internal_traffic_policy: str = "Cluster"
    health_check_node_port: int = 0
    allocate_load_balancer_node_ports: bool = True
