"""Calico network sets: labelled lists of addresses, cluster-wide or in a namespace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.addresses import read_networks
from service.model.kind import Kind, calico_gvks
from service.model.meta import Layer

if TYPE_CHECKING:
    from service.model.document import Document
    from service.model.meta import Meta
    from service.net.prefixes import Prefix


@dataclass(frozen=True, slots=True)
class NetworkSet:
    """A NetworkSet or a GlobalNetworkSet (``meta.ref`` tells); its nets masked, unparseable ones left out."""

    meta: Meta
    nets: tuple[Prefix, ...] = ()


_NAMESPACE_LABEL = "projectcalico.org/namespace"


def read_network_set(document: Document) -> NetworkSet:
    """The network set that *document* is about, of either kind."""
    if _NAMESPACE_LABEL in document.meta.labels:
        message = f"the label {_NAMESPACE_LABEL} is Calico's own"
        document.problem(Layer.VALIDATOR, message, at="/metadata/labels")
    nets = read_networks(
        document, document.spec(), "nets", refused_by=(Layer.VALIDATOR, Layer.RUNTIME)
    )
    return NetworkSet(document.meta, nets)


KIND = Kind(
    gvks=calico_gvks("NetworkSet"),
    plural="networksets",
    namespaced=True,
    type=NetworkSet,
    decode=read_network_set,
)
