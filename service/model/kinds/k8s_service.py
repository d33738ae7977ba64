"""Services, as the API server would default them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.model.addresses import read_addresses, read_networks
from service.model.document import API_SERVER, Fields
from service.model.kind import Kind
from service.model.meta import Layer
from service.model.pointers import escaped
from service.model.protocols import MAX_PORT, read_transport
from service.model.refs import GVK
from service.net.prefixes import Family, PrefixError, parse_ip, parse_network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.model.document import Document, Reader
    from service.model.meta import Meta
    from service.net.prefixes import Address, Prefix


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


_TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
_EXTERNAL_TYPES = frozenset({"NodePort", "LoadBalancer"})
_TRAFFIC_POLICIES = ("Cluster", "Local")
_FAMILIES = {"IPv4": Family.V4, "IPv6": Family.V6}
_HEADLESS = "None"
_SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_UNREAD = (
    "clusterIP",
    "clusterIPs",
    "externalName",
    "loadBalancerClass",
    "loadBalancerIP",
    "publishNotReadyAddresses",
    "sessionAffinity",
    "sessionAffinityConfig",
    "topologyKeys",
    "trafficDistribution",
)


def _decode(document: Document) -> Service:
    spec = document.spec()
    spec.ignore(*_UNREAD)
    type_ = _choice(document, spec, "type", choices=_TYPES)
    headless = _HEADLESS in _cluster_ip_texts(spec)
    svc = Service(
        meta=document.meta,
        type=type_,
        ports=_read_ports(document, spec, type_),
        selector=spec.string_map("selector") if spec.has("selector") else None,
        cluster_ips=() if headless else _read_cluster_ips(document, spec),
        headless=headless,
        ip_families=_read_families(document, spec),
        ip_family_policy=spec.string("ipFamilyPolicy"),
        external_ips=read_addresses(document, spec, "externalIPs", refused_by=(Layer.SCHEMA,)),
        load_balancer_ips=_read_load_balancer_ips(document),
        load_balancer_source_ranges=_read_source_ranges(document, spec),
        external_traffic_policy=_choice(
            document, spec, "externalTrafficPolicy", choices=_TRAFFIC_POLICIES
        ),
        internal_traffic_policy=_choice(
            document, spec, "internalTrafficPolicy", choices=_TRAFFIC_POLICIES
        ),
        health_check_node_port=_read_node_port(document, spec, "healthCheckNodePort"),
        allocate_load_balancer_node_ports=spec.boolean("allocateLoadBalancerNodePorts")
        is not False,
    )
    _check_ports(document, spec, svc)
    return svc


def _choice(document: Document, reader: Reader, key: str, *, choices: tuple[str, ...]) -> str:
    """One of *choices*; the first where absent, which is a default on record."""
    text = reader.string(key)
    if not text:
        document.default(reader.at(key), choices[0], API_SERVER)
        return choices[0]
    if text not in choices:
        message = f"{text!r} is no {key}: {', '.join(choices)}"
        document.problem(Layer.SCHEMA, message, at=reader.at(key))
        return choices[0]
    return text


def _read_ports(document: Document, spec: Reader, type_: str) -> tuple[ServicePort, ...]:
    readers = spec.children("ports")
    ports = tuple(_read_port(document, reader, index) for index, reader in enumerate(readers))
    if type_ not in _EXTERNAL_TYPES:
        for port, reader in zip(ports, readers, strict=True):
            if port.node_port:
                message = f"a Service of type {type_} has no node ports"
                document.problem(Layer.SCHEMA, message, at=reader.at("nodePort"))
    return ports


def _read_port(document: Document, reader: Reader, index: int) -> ServicePort:
    reader.ignore("appProtocol")
    number = reader.integer("port")
    if number is None or not 1 <= number <= MAX_PORT:
        shown = "a port is missing" if number is None else f"{number} is no port"
        document.problem(Layer.SCHEMA, f"{shown}: 1 to {MAX_PORT}", at=reader.at("port"))
    return ServicePort(
        name=reader.string("name"),
        protocol=read_transport(document, reader, "protocol"),
        port=number or 0,
        target_port=_read_target(document, reader, number or 0),
        node_port=_read_node_port(document, reader, "nodePort"),
        index=index,
    )


def _read_target(document: Document, reader: Reader, port: int) -> int | str:
    target = reader.value("targetPort")
    if target in (None, 0, "") and target is not False:
        document.default(reader.at("targetPort"), port, API_SERVER)
        return port
    if isinstance(target, str):
        return target
    if isinstance(target, int) and not isinstance(target, bool) and 1 <= target <= MAX_PORT:
        return target
    message = f"{target!r} is no target port: a name, or 1 to {MAX_PORT}"
    document.problem(Layer.SCHEMA, message, at=reader.at("targetPort"))
    return port


def _read_node_port(document: Document, reader: Reader, key: str) -> int:
    number = reader.integer(key) or 0
    if not 0 <= number <= MAX_PORT:
        message = f"{number} is no port: 1 to {MAX_PORT}"
        document.problem(Layer.SCHEMA, message, at=reader.at(key))
        return 0
    return number


def _check_ports(document: Document, spec: Reader, svc: Service) -> None:
    at = spec.at("ports")
    if not svc.ports and not svc.headless and svc.type != "ExternalName":
        document.problem(Layer.SCHEMA, "a Service needs a port", at=at)
    names = [port.name for port in svc.ports]
    if len(names) > 1 and "" in names:
        document.problem(Layer.SCHEMA, "of several ports each needs a name", at=at)
    if len(set(names)) < len(names):
        document.problem(Layer.SCHEMA, "two ports have the same name", at=at)


def _cluster_ip_texts(spec: Reader) -> tuple[str, ...]:
    single = spec.string("clusterIP")
    return spec.strings("clusterIPs") or ((single,) if single else ())


def _read_cluster_ips(document: Document, spec: Reader) -> tuple[Address, ...]:
    addresses = []
    for text in _cluster_ip_texts(spec):
        try:
            addresses.append(parse_ip(text))
        except PrefixError as error:
            document.problem(Layer.SCHEMA, str(error), at=spec.at("clusterIP"))
    return tuple(addresses)


def _read_families(document: Document, spec: Reader) -> tuple[Family, ...]:
    families = []
    for at, text in spec.located_strings("ipFamilies"):
        if text in _FAMILIES:
            families.append(_FAMILIES[text])
        else:
            document.problem(Layer.SCHEMA, f"{text!r} is no IP family: IPv4 or IPv6", at=at)
    return tuple(families)


def _read_load_balancer_ips(document: Document) -> tuple[Address, ...]:
    """The addresses of the status that kube-proxy intercepts: not those that a proxy answers."""
    status = document.root.child("status", Fields.SOME)
    balancer = status.child("loadBalancer", Fields.SOME) if status else None
    addresses = []
    for ingress in balancer.children("ingress", Fields.SOME) if balancer else ():
        text = ingress.string("ip")
        if text and ingress.string("ipMode", "VIP") == "VIP":
            try:
                addresses.append(parse_ip(text))
            except PrefixError as error:
                document.problem(Layer.SCHEMA, str(error), at=ingress.at("ip"))
    return tuple(addresses)


def _read_source_ranges(document: Document, spec: Reader) -> tuple[Prefix, ...]:
    """The ranges of the spec; without them those of the annotation that came before the field."""
    ranges = read_networks(document, spec, "loadBalancerSourceRanges", refused_by=(Layer.SCHEMA,))
    listed = document.meta.annotations.get(_SOURCE_RANGES, "")
    if ranges or not listed:
        return ranges
    try:
        return tuple(parse_network(text.strip()) for text in listed.split(","))
    except PrefixError as error:
        at = f"/metadata/annotations/{escaped(_SOURCE_RANGES)}"
        document.problem(Layer.SCHEMA, str(error), at=at)
        return ()


KIND = Kind(
    gvks=(GVK("", "v1", "Service"),),
    plural="services",
    namespaced=True,
    type=Service,
    decode=_decode,
)
