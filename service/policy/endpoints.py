"""Which host endpoint governs what on a node, and the endpoints that Calico makes by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from service.model.kinds.host_endpoint import HostEndpoint
from service.model.meta import Meta
from service.model.refs import CALICO_V3, ObjectRef
from service.model.selector import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from service.model.kinds.kube_controllers_configuration import (
        HostEndpointTemplate,
        KubeControllersConfiguration,
    )
    from service.model.kinds.node import Interface, Node
    from service.net.prefixes import Address

WILDCARD = "*"
DEFAULT_ALLOW = "projectcalico-default-allow"
CREATED_BY = "projectcalico.org/created-by"
CONTROLLER = "calico-kube-controllers"
_NAME_LIMIT = 253


@dataclass(frozen=True, slots=True)
class NodeEndpoints:
    """The host endpoints of one node that are not put aside by a namesake of their interface.

    ``wildcard`` is the ``*`` endpoint. ``named`` are all others that may govern an interface, by name.
    ``inactive`` maps an endpoint that governs nothing to the one that stands in its way.
    """

    wildcard: HostEndpoint | None = None
    named: tuple[HostEndpoint, ...] = ()
    inactive: Mapping[str, str] = field(default_factory=dict)

    @property
    def active(self) -> tuple[HostEndpoint, ...]:
        """Every endpoint that governs something, the wildcard last."""
        return (*self.named, *((self.wildcard,) if self.wildcard else ()))

    def listing(self, address: Address) -> HostEndpoint | None:
        """The endpoint that lists *address*: the first by name, a named one before the wildcard."""
        return next((hep for hep in self.active if address in hep.expected_ips), None)

    def on_interface(self, interface: Interface, exclude: str) -> HostEndpoint | None:
        """The named endpoint that Felix binds to an interface whose addresses are known.

        Candidates are those of the interface's name, and nameless ones that list an address on it; the
        smallest name wins. Source: felix/dataplane/linux/endpoint_mgr.go resolveHostEndpoints.
        """
        if excluded(interface.name, exclude):
            return None
        present = {one.address for one in interface.addresses}
        for hep in self.named:
            if hep.interface_name == interface.name:
                return hep
            if not hep.interface_name and present.intersection(hep.expected_ips):
                return hep
        return None


def excluded(interface: str, exclude: str) -> bool:
    """Whether Felix's ``interfaceExclude`` hides an interface: names, and ``/regular expressions/``."""
    for entry in filter(None, (one.strip() for one in exclude.split(","))):
        if len(entry) > 1 and entry.startswith("/") and entry.endswith("/"):
            if re.search(entry[1:-1], interface):
                return True
        elif entry == interface:
            return True
    return False


def node_endpoints(heps: Iterable[HostEndpoint]) -> NodeEndpoints:
    """The endpoints of one node, in order of name, the smallest name winning each interface."""
    wildcard: HostEndpoint | None = None
    named: list[HostEndpoint] = []
    owners: dict[str, str] = {}
    inactive: dict[str, str] = {}
    for hep in sorted(heps, key=lambda one: one.meta.ref.name):
        name = hep.meta.ref.name
        owner = owners.setdefault(hep.interface_name, name) if hep.interface_name else name
        if owner != name:
            inactive[name] = owner
        elif hep.interface_name == WILDCARD:
            wildcard = hep
        else:
            named.append(hep)
    return NodeEndpoints(wildcard=wildcard, named=tuple(named), inactive=inactive)


def automatic_endpoints(
    node: Node, configuration: KubeControllersConfiguration | None
) -> Iterator[HostEndpoint]:
    """The endpoints that Calico's controller would make for *node*.

    Source: kube-controllers/pkg/controllers/node/hostendpoints.go.
    """
    if configuration is None or not configuration.auto_create or node.os == "windows":
        return
    if configuration.create_default:
        yield _automatic(node, f"{_name(node)}-auto-hep", WILDCARD, _addresses(node), {})
    for template in configuration.templates:
        if _template_selects(template, node):
            yield from _from_template(node, template)


def _from_template(node: Node, template: HostEndpointTemplate) -> Iterator[HostEndpoint]:
    listed = tuple(
        (family, value)
        for family, value in _addresses(node)
        if any(
            cidr.family is family and cidr.lo <= value <= cidr.hi
            for cidr in template.interface_cidrs
        )
    )
    stem = f"{_name(node)}-{template.generate_name}"
    if not template.interface_pattern:
        if listed:
            yield _automatic(node, f"{stem}-auto-hep", "", listed, template.labels)
        return
    # The interfaces are known only where somebody wrote them on the Node.
    for interface in node.interfaces or ():
        if re.search(template.interface_pattern, interface.name):
            addresses = listed or tuple(one.address for one in interface.addresses)
            name = f"{stem}-{interface.name}-auto-hep"
            yield _automatic(node, name, interface.name, addresses, template.labels)


def _automatic(  # noqa: PLR0917 - the five parts of an endpoint, private to this file
    node: Node,
    name: str,
    interface: str,
    addresses: tuple[Address, ...],
    labels: Mapping[str, str],
) -> HostEndpoint:
    if len(name) > _NAME_LIMIT:
        name = sha256(name.encode()).hexdigest()
    meta = Meta(
        ref=ObjectRef(CALICO_V3, "HostEndpoint", "", name),
        labels={**node.meta.labels, **labels, CREATED_BY: CONTROLLER},
        location=node.meta.location,
    )
    return HostEndpoint(
        meta=meta,
        node=_name(node),
        interface_name=interface,
        expected_ips=addresses,
        profiles=(DEFAULT_ALLOW,),
        automatic=True,
    )


def _name(node: Node) -> str:
    return node.meta.ref.name


def _addresses(node: Node) -> tuple[Address, ...]:
    """BGP, tunnel, internal and interface addresses, each once, in that order."""
    on_interfaces = (
        one.address for interface in node.interfaces or () for one in interface.addresses
    )
    return tuple(
        dict.fromkeys(
            (*node.bgp_addresses, *node.tunnel_addresses, *node.internal_ips, *on_interfaces)
        )
    )


def _template_selects(template: HostEndpointTemplate, node: Node) -> bool:
    """Whether the template is for *node*; one whose selector does not parse is in no configuration."""
    selector = template.node_selector
    return not selector or parse(selector).matches(node.meta.labels)
