"""Calico's BGP configuration: which addresses of Services it advertises to routers.

Source: api/pkg/apis/projectcalico/v3/bgpconfig.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.document import Fields
from service.model.kind import Kind, calico_gvks
from service.model.meta import Layer
from service.net.prefixes import PrefixError, parse_cidr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.model.document import Document, Reader
    from service.model.meta import Meta
    from service.net.prefixes import Prefix


@dataclass(frozen=True, slots=True)
class BGPConfiguration:
    """A BGPConfiguration: the networks of ClusterIPs, external and load-balancer addresses advertised."""

    meta: Meta
    cluster_ips: tuple[Prefix, ...] = ()
    external_ips: tuple[Prefix, ...] = ()
    load_balancer_ips: tuple[Prefix, ...] = ()


def _decode(document: Document) -> BGPConfiguration:
    # Peers, communities and timers change no verdict: they are left alone.
    spec = document.spec(Fields.SOME)
    return BGPConfiguration(
        meta=document.meta,
        cluster_ips=tuple(_read(document, spec, "serviceClusterIPs")),
        external_ips=tuple(_read(document, spec, "serviceExternalIPs")),
        load_balancer_ips=tuple(_read(document, spec, "serviceLoadBalancerIPs")),
    )


def _read(document: Document, spec: Reader, key: str) -> Iterator[Prefix]:
    for reader in spec.children(key):
        try:
            yield parse_cidr(reader.string("cidr"))
        except PrefixError as error:
            document.problem(Layer.VALIDATOR, str(error), at=reader.at("cidr"))


KIND = Kind(
    gvks=calico_gvks("BGPConfiguration"),
    plural="bgpconfigurations",
    namespaced=False,
    type=BGPConfiguration,
    decode=_decode,
)
