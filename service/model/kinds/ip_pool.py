"""Calico's IP pools: which addresses pods have, and how packets to and from them are wrapped.

Source: api/pkg/apis/projectcalico/v3/ippool.go; libcalico-go lib/validator/v3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.kind import Kind, calico_gvks
from service.model.meta import Layer
from service.model.selector_fields import parse_fault
from service.net.prefixes import Family, HostBits, HostBitsError, Prefix, PrefixError, parse_cidr

if TYPE_CHECKING:
    from service.model.document import Document, Reader
    from service.model.meta import Meta


@dataclass(frozen=True, slots=True)
class IPPool:
    """An IPPool; the modes are "Never", "Always" or "CrossSubnet", an empty ``node_selector`` is all nodes."""

    meta: Meta
    cidr: Prefix
    nat_outgoing: bool = False
    ipip_mode: str = "Never"
    vxlan_mode: str = "Never"
    disabled: bool = False
    node_selector: str = ""


_NEVER = "Never"
_MODES = (_NEVER, "Always", "CrossSubnet")
_READER = "Calico, for an absent mode"
_UNREAD = ("allowedUses", "assignmentMode", "blockSize", "disableBGPExport", "namespaceSelector")
_NOWHERE = Prefix(Family.V4, 0, 0)
"""Stands for a CIDR that nobody can read: its pool is not in effect."""


def _decode(document: Document) -> IPPool:
    spec = document.spec()
    spec.ignore(*_UNREAD)
    pool = IPPool(
        meta=document.meta,
        cidr=_read_cidr(document, spec),
        nat_outgoing=spec.boolean("natOutgoing") or False,
        ipip_mode=_read_mode(document, spec, "ipipMode"),
        vxlan_mode=_read_mode(document, spec, "vxlanMode"),
        disabled=spec.boolean("disabled") or False,
        node_selector=_read_node_selector(document, spec),
    )
    if _NEVER not in {pool.ipip_mode, pool.vxlan_mode}:
        message = "ipipMode and vxlanMode exclude each other"
        document.problem(Layer.VALIDATOR, message, at=spec.at("ipipMode"))
    if pool.cidr.family is Family.V6 and pool.ipip_mode != _NEVER:
        message = "there is no IPIP for IPv6"
        document.problem(Layer.VALIDATOR, message, at=spec.at("ipipMode"))
    return pool


def _read_cidr(document: Document, spec: Reader) -> Prefix:
    text = spec.string("cidr")
    at = spec.at("cidr")
    if not text:
        document.problem(Layer.SCHEMA, "a pool needs a cidr", at=at)
        return _NOWHERE
    try:
        return parse_cidr(text, HostBits.REFUSE)
    except HostBitsError as error:
        document.problem(Layer.VALIDATOR, str(error), at=at)
        return parse_cidr(text)
    except PrefixError as error:
        for layer in (Layer.VALIDATOR, Layer.FELIX):
            document.problem(layer, str(error), at=at)
        return _NOWHERE


def _read_mode(document: Document, spec: Reader, key: str) -> str:
    mode = spec.string(key)
    if not mode:
        document.default(spec.at(key), _NEVER, _READER)
        return _NEVER
    if mode not in _MODES:
        message = f"{mode!r} is no {key}: {', '.join(_MODES)}"
        document.problem(Layer.SCHEMA, message, at=spec.at(key))
        return _NEVER
    return mode


def _read_node_selector(document: Document, spec: Reader) -> str:
    text = spec.string("nodeSelector")
    fault = parse_fault(text)
    if fault:
        message = f"the nodeSelector does not parse: {fault}"
        document.problem(Layer.VALIDATOR, message, at=spec.at("nodeSelector"))
    return text


KIND = Kind(
    gvks=calico_gvks("IPPool"), plural="ippools", namespaced=False, type=IPPool, decode=_decode
)
