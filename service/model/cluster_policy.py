"""The parts of the cluster-wide policies of sig-network: subject, rules, peers and ports.

ClusterNetworkPolicy and the older AdminNetworkPolicy and BaselineAdminNetworkPolicy write the same things
in other words; here they are one form. What their schemas take and Calico does not know, such as the nodes
or domain names of a peer, is a peer without a field.
Source: network-policy-api apis/{v1alpha1,v1alpha2}; libcalico-go lib/backend/k8s/conversion/clusternetworkpolicy.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.cluster_ports import ClusterPort, read_ports, read_protocols
from service.model.label_selector import read_label_selector
from service.model.meta import Layer
from service.net.prefixes import PrefixError, parse_cidr

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.model.document import Document, Reader
    from service.model.label_selector import LabelSelector
    from service.net.prefixes import Prefix


@dataclass(frozen=True, slots=True)
class Subject:
    """The pods that a policy applies to; without a ``pod_selector`` all of the namespaces.

    Without a ``namespace_selector`` the policy has no subject, and Calico leaves it out.
    """

    namespace_selector: LabelSelector | None = None
    pod_selector: LabelSelector | None = None


@dataclass(frozen=True, slots=True)
class ClusterPeer:
    """A peer: the pods of namespaces, or networks. `ClusterPeer()` is one that Calico cannot convert."""

    namespace_selector: LabelSelector | None = None
    pod_selector: LabelSelector | None = None
    networks: tuple[Prefix, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterRule:
    """One rule; ``action`` is as written, empty ``ports`` are every protocol and port.

    ``pointer`` ("/spec/ingress/0") and ``line`` (0 where unknown) say where it stands.
    """

    name: str
    action: str
    peers: tuple[ClusterPeer, ...]
    ports: tuple[ClusterPort, ...] = ()
    pointer: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Dialect:
    """The words in which one of the kinds says what all of them say."""

    actions: tuple[str, ...]
    read_ports: Callable[[Document, Reader], tuple[ClusterPort, ...]]


CLUSTER = Dialect(("Accept", "Deny", "Pass"), read_protocols)
"""policy.networking.k8s.io/v1alpha2."""
ADMIN = Dialect(("Allow", "Deny", "Pass"), read_ports)
"""policy.networking.k8s.io/v1alpha1, for which "Allow" is what "Accept" is now."""
BASELINE = Dialect(("Allow", "Deny"), read_ports)
"""The same of the policy that has nobody to pass to."""

_PODS = ("namespaces", "pods")
_PEERS = {
    "ingress": ("from", _PODS),
    "egress": ("to", (*_PODS, "nodes", "networks", "domainNames")),
}
_MAX_PRIORITY = 1000
_MAX_RULE_NAME = 100


def read_priority(document: Document, spec: Reader) -> int:
    """The priority, which Calico takes for the order; 0 where it is missing, which the schema refuses."""
    priority = spec.integer("priority")
    if priority is None or not 0 <= priority <= _MAX_PRIORITY:
        shown = "a priority is missing" if priority is None else f"{priority} is no priority"
        message = f"{shown}: 0 to {_MAX_PRIORITY}"
        document.problem(Layer.SCHEMA, message, at=spec.at("priority"))
    return priority or 0


def read_subject(document: Document, spec: Reader) -> Subject:
    """The subject; the schema wants exactly one of its forms."""
    reader = spec.child("subject")
    if reader is None:
        document.problem(Layer.SCHEMA, "a policy needs a subject", at=spec.at("subject"))
        return Subject()
    _require_one_of(document, reader, _PODS)
    return Subject(*_read_selectors(document, reader))


def read_rules(
    document: Document, spec: Reader, direction: str, *, dialect: Dialect
) -> tuple[ClusterRule, ...]:
    """The rules of one direction, "ingress" or "egress"."""
    peers = _PEERS[direction]
    return tuple(
        ClusterRule(
            name=_read_name(document, reader),
            action=_read_action(document, reader, dialect.actions),
            peers=_read_peers(document, reader, peers),
            ports=dialect.read_ports(document, reader),
            pointer=reader.pointer,
            line=document.locate(reader.pointer).line,
        )
        for reader in spec.children(direction)
    )


def _read_name(document: Document, reader: Reader) -> str:
    name = reader.string("name")
    if len(name) > _MAX_RULE_NAME:
        message = f"the name of a rule has at most {_MAX_RULE_NAME} characters"
        document.problem(Layer.SCHEMA, message, at=reader.at("name"))
    return name


def _read_action(document: Document, reader: Reader, actions: tuple[str, ...]) -> str:
    action = reader.string("action")
    if action not in actions:
        shown = f"{action!r} is no action" if action else "a rule needs an action"
        proper = next((one for one in actions if one.lower() == action.lower()), "")
        hint = f'write "{proper}"' if proper else ""
        message = f"{shown}: {', '.join(actions)}"
        document.problem(Layer.SCHEMA, message, at=reader.at("action"), hint=hint)
    return action


def _read_peers(
    document: Document, reader: Reader, field: tuple[str, tuple[str, ...]]
) -> tuple[ClusterPeer, ...]:
    key, forms = field
    peers = tuple(_read_peer(document, child, forms) for child in reader.children(key))
    if not peers:
        message = f"a rule needs a peer in {key}"
        document.problem(Layer.SCHEMA, message, at=reader.at(key))
    return peers


def _read_peer(document: Document, reader: Reader, forms: tuple[str, ...]) -> ClusterPeer:
    _require_one_of(document, reader, forms)
    namespaces, pods = _read_selectors(document, reader)
    networks = _read_networks(document, reader) if "networks" in forms else ()
    return ClusterPeer(namespaces, pods, networks)


def _read_selectors(
    document: Document, reader: Reader
) -> tuple[LabelSelector | None, LabelSelector | None]:
    """The selectors of namespaces and of pods; the schema leaves their labels to whoever acts on them."""
    if (namespaces := reader.child("namespaces")) is not None:
        return read_label_selector(document, namespaces, Layer.RUNTIME), None
    if (pods := reader.child("pods")) is None:
        return None, None
    return (
        read_label_selector(document, pods.child("namespaceSelector"), Layer.RUNTIME),
        read_label_selector(document, pods.child("podSelector"), Layer.RUNTIME),
    )


def _read_networks(document: Document, reader: Reader) -> tuple[Prefix, ...]:
    """The networks; none of them where one cannot be read, for then Calico converts none."""
    networks = []
    for at, text in reader.located_strings("networks"):
        try:
            networks.append(parse_cidr(text))
        except PrefixError as error:
            message = f"{error}: Calico cannot convert the rule"
            document.problem(Layer.RUNTIME, message, at=at)
            return ()
    return tuple(networks)


def _require_one_of(document: Document, reader: Reader, forms: tuple[str, ...]) -> None:
    """The schema's rule that exactly one of *forms*, be it known to Calico or not, is there."""
    if sum(reader.has(form) for form in forms) != 1:
        message = f"exactly one of {', '.join(forms)} is needed"
        document.problem(Layer.SCHEMA, message, at=reader.pointer)
