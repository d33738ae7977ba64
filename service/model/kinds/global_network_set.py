"""Calico's cluster-wide network sets; the type is that of the namespaced ones."""

from __future__ import annotations

from service.model.kind import Kind, calico_gvks
from service.model.kinds.network_set import NetworkSet, read_network_set

KIND = Kind(
    gvks=calico_gvks("GlobalNetworkSet"),
    plural="globalnetworksets",
    namespaced=False,
    type=NetworkSet,
    decode=read_network_set,
)
