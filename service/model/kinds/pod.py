"""Pods, trimmed to what packets depend on: a cluster has more of them than of anything else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.document import Fields, has_blank_key
from service.model.kind import Kind
from service.model.meta import Decoded, Layer
from service.model.owners import read_owner
from service.model.plain import (
    NotPlainError,
    plain_mapping,
    plain_meta,
    plain_owner,
    plain_string,
    shared_text,
)
from service.model.pod_spec import plain_pod_spec, read_pod_spec, trimmed_pod_spec
from service.model.pointers import escaped
from service.model.refs import GVK
from service.model.trimming import picked, trim_annotations, trimmed
from service.net.prefixes import PrefixError, parse_cidr, parse_ip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.errors import SourceLocation
    from service.model.document import Document, Reader
    from service.model.meta import Meta
    from service.model.pod_spec import ContainerPort
    from service.model.refs import ObjectRef
    from service.net.prefixes import Address, Prefix


@dataclass(frozen=True, slots=True)
class Pod:
    """A Pod; ``node`` is "" where it is not scheduled, ``phase`` "" where it has no status.

    ``ips`` are those at which Calico knows it: none once it has finished; a pod on the host's network has
    the node's. ``allowed_source_prefixes`` are the sources besides that it asks to send from.
    """

    meta: Meta
    node: str = ""
    phase: str = ""
    ips: tuple[Address, ...] = ()
    host_network: bool = False
    service_account: str = ""
    ports: tuple[ContainerPort, ...] = ()
    owner: ObjectRef | None = None
    allowed_source_prefixes: tuple[Prefix, ...] = ()


_GVK = GVK("", "v1", "Pod")
_KEPT = ("cni.projectcalico.org/", "vpc.amazonaws.com/")
_POD_IP = "cni.projectcalico.org/podIP"
_LISTED_IPS = ("cni.projectcalico.org/podIPs", _POD_IP, "vpc.amazonaws.com/pod-ips")
_SOURCES = "cni.projectcalico.org/allowedSourcePrefixes"
_FIELDS = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_FINISHED = frozenset({"Succeeded", "Failed"})
_STATUS = ("phase", "podIP", "podIPs")


def _decode(document: Document) -> Pod:
    trim_annotations(document, _KEPT)
    spec = document.spec(Fields.SOME)
    shared = read_pod_spec(document, spec)
    status = document.root.child("status", Fields.SOME) or document.reader({}, "/status")
    status.know(status.raw.keys())  # Nobody writes a status by hand: no field of it is a slip.
    phase = status.string("phase")
    return Pod(
        meta=document.meta,
        node=spec.string("nodeName"),
        phase=phase,
        ips=() if _is_finished(document, phase) else _read_ips(document, status),
        host_network=shared.host_network,
        service_account=shared.service_account,
        ports=shared.ports,
        owner=read_owner(document),
        allowed_source_prefixes=_read_sources(document),
    )


def _plain(raw: Mapping[str, object], location: SourceLocation) -> Decoded[Pod]:
    """The pod of a form that leaves nothing to say, which is that of nearly all.

    Raises: NotPlainError.
    """
    meta = plain_meta(raw, _GVK, location=location, kept=_KEPT)
    if not _FIELDS.issuperset(raw) or _SOURCES in meta.annotations:
        raise NotPlainError
    if not meta.resource_version and has_blank_key(raw):
        raise NotPlainError
    spec, status = plain_mapping(raw, "spec"), plain_mapping(raw, "status")
    shared = plain_pod_spec(spec)
    phase = plain_string(status, "phase")
    ips = _plain_ips(status)
    if not ips and (status.get("podIP") or meta.annotations):
        raise NotPlainError
    pod = Pod(
        meta,
        shared_text(plain_string(spec, "nodeName")),
        shared_text(phase),
        () if phase in _FINISHED else ips,
        shared.host_network,
        shared.service_account,
        shared.ports,
        plain_owner(raw, meta.ref.namespace),
    )
    return Decoded(meta.ref, meta, pod, (), (), _trim(raw))


def _plain_ips(status: Mapping[str, object]) -> tuple[Address, ...]:
    listed = status.get("podIPs")
    if listed is None:
        return ()
    if type(listed) is not list:
        raise NotPlainError
    try:
        return tuple([parse_ip(_plain_ip(one)) for one in listed])
    except PrefixError:
        raise NotPlainError from None


def _plain_ip(one: object) -> str:
    if type(one) is dict and len(one) == 1:
        text = one.get("ip")
        if type(text) is str:
            return text
    raise NotPlainError


def _is_finished(document: Document, phase: str) -> bool:
    """Whether Calico has taken the pod's addresses back; on deletion it empties the annotation first."""
    emptied = document.meta.deleting and document.meta.annotations.get(_POD_IP) == ""
    return emptied or phase in _FINISHED


def _read_ips(document: Document, status: Reader) -> tuple[Address, ...]:
    """The addresses of the status; before it has any, those that Calico or the VPC's CNI wrote down.

    Source: libcalico-go lib/backend/k8s/conversion/conversion.go getPodIPs.
    """
    texts = _listed_ips(document, status)
    if not texts and (single := status.string("podIP")):
        texts = [(status.at("podIP"), single)]
    return tuple(_parsed(document, texts or _annotated_ips(document)))


def _listed_ips(document: Document, status: Reader) -> list[tuple[str, str]]:
    """The list of the status, each address with its JSON pointer before it."""
    texts = []
    for index, entry in enumerate(status.entries("podIPs")):
        text = entry.get("ip") if isinstance(entry, dict) else None
        at = f"/status/podIPs/{index}/ip"
        if isinstance(text, str):
            texts.append((at, text))
        else:
            document.wrong_type(text, "a string", at=at)
    return texts


def _annotated_ips(document: Document) -> list[tuple[str, str]]:
    """The addresses of the first annotation that has some, each with its JSON pointer before it."""
    for name in _LISTED_IPS:
        listed = document.meta.annotations.get(name)
        if listed:
            at = _annotation_pointer(name)
            return [(at, text.strip().partition("/")[0]) for text in listed.split(",")]
    return []


def _parsed(document: Document, texts: list[tuple[str, str]]) -> Iterator[Address]:
    for at, text in texts:
        try:
            yield parse_ip(text)
        except PrefixError as error:
            document.problem(Layer.RUNTIME, str(error), at=at)


def _read_sources(document: Document) -> tuple[Prefix, ...]:
    """The prefixes of the annotation; one that cannot be read keeps Calico from making the endpoint."""
    text = document.meta.annotations.get(_SOURCES)
    if not text:
        return ()
    try:
        return _parse_sources(text)
    except ValueError as error:
        message = f"the annotation {_SOURCES} cannot be read, so Calico makes no endpoint: {error}"
        hint = 'write ["10.0.0.0/8"]'
        document.problem(Layer.FELIX, message, at=_annotation_pointer(_SOURCES), hint=hint)
        return ()


def _parse_sources(text: str) -> tuple[Prefix, ...]:
    """The prefixes that *text* lists.

    Raises: ValueError, of which a JSON error and a PrefixError are kinds.
    """
    try:
        listed = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise ValueError("it is no JSON list of CIDRs")
    return tuple(parse_cidr(one) for one in listed)


def _annotation_pointer(name: str) -> str:
    return f"/metadata/annotations/{escaped(name)}"


def _trim(raw: Mapping[str, object]) -> Mapping[str, object]:
    status = raw.get("status")
    parts = {
        "spec": trimmed_pod_spec(raw.get("spec")),
        "status": picked(status, _STATUS) if isinstance(status, dict) else status,
    }
    return trimmed(raw, parts, annotations=_KEPT)


KIND = Kind(
    gvks=(_GVK,),
    plural="pods",
    namespaced=True,
    type=Pod,
    decode=_decode,
    trim=_trim,
    plain=_plain,
)
