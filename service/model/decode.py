"""Raw JSON of any kind to a `Decoded` object: identity, metadata, then the kind's own decode function.

Calico's v1 group keeps an object's real name, labels and annotations inside of one annotation; that is
undone here, so that nobody above sees the difference.
Source: libcalico-go lib/backend/k8s/resources/resources.go, lib/backend/model/keys.go.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from service.errors import DecodeError, SourceLocation
from service.model.document import Document, near_miss
from service.model.kind import kinds, kinds_by_gvk
from service.model.meta import Decoded, Layer, Meta
from service.model.names import MAX_NAME, is_label_value
from service.model.plain import NotPlainError
from service.model.refs import CALICO_V1, CALICO_V3, GVK, ObjectRef

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.model.document import Locator, Reader
    from service.model.kind import Kind

DEFAULT_NAMESPACE = "default"

_METADATA = "projectcalico.org/metadata"
_KEPT_LABELS = ("projectcalico.org/", "operator.tigera.io/")
_TIER_PREFIX = "default."
_UNREAD_METADATA = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "generateName",
    "generation",
    "managedFields",
    "ownerReferences",
    "selfLink",
)
_SIMILAR_KINDS = 0.9


@dataclass(frozen=True, slots=True)
class Skipped:
    """An object of a kind that is not read; ``decoded`` where something about it is worth a word."""

    gvk: GVK
    decoded: Decoded[None] | None = None


@dataclass(frozen=True, slots=True)
class _Metadata:
    """Name, labels and annotations as Calico and Kubernetes see them."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def decode_object(
    raw: object, location: SourceLocation, positions: Locator | None = None
) -> Decoded[object] | Skipped:
    """What *raw* is, with everything that is wrong with it.

    *location* is where the object begins; *positions* finds the places of its parts.

    A document of an unread kind need not be an object of a cluster: kustomizations, reviews and Helm values
    with a kind have no name.

    Raises: DecodeError if it is no object at all: no mapping, no apiVersion or kind, or, of a kind that
    is read, no metadata.name.
    """
    if not isinstance(raw, dict):
        raise DecodeError("an object is a mapping of fields", location=location)
    gvk = GVK.of(_text(raw, "apiVersion", location), _text(raw, "kind", location))
    kind = kinds_by_gvk().get(gvk)
    if kind is not None and kind.plain is not None:
        with suppress(NotPlainError):
            return kind.plain(raw, positions("") if positions else location)
    document = Document(
        raw, gvk, positions or (lambda pointer: location.at(location.pointer + pointer))
    )
    metadata = raw.get("metadata")
    if kind is None:
        return _skip(
            document, document.reader(metadata if isinstance(metadata, dict) else {}, "/metadata")
        )
    if not isinstance(metadata, dict):
        raise DecodeError(f"{gvk} has no metadata", location=location)
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        raise DecodeError(f"{gvk} has no metadata.name", location=location)
    document.root.ignore("metadata")
    return _decode(document, kind, document.reader(metadata, "/metadata"))


def _text(raw: Mapping[str, object], key: str, location: SourceLocation) -> str:
    value = raw.get(key)
    if isinstance(value, str) and value:
        return value
    raise DecodeError(f"an object needs a field {key}", location=location)


def _decode(document: Document, kind: Kind[object], metadata: Reader) -> Decoded[object]:
    document.meta = _read_meta(document, kind, metadata)
    obj = kind.decode(document)
    document.finish()
    return Decoded(
        document.meta.ref,
        document.meta,
        obj,
        tuple(document.problems),
        tuple(document.defaults),
        kind.trim(document.raw) if kind.trim else document.raw,
    )


def _skip(document: Document, metadata: Reader) -> Skipped:
    """An object of a kind that is not read: looked at for misleading blanks and for its kind's name."""
    document.report_blanks()
    _check_kind(document)
    if not document.problems:
        return Skipped(document.gvk)
    namespace, name = metadata.string("namespace"), metadata.string("name")
    ref = ObjectRef(document.gvk.group, document.gvk.kind, namespace, name)
    meta = Meta(ref, location=document.locate(""), api_version=document.gvk.api_version)
    return Skipped(
        document.gvk, Decoded(ref, meta, None, tuple(document.problems), raw=document.raw)
    )


def _check_kind(document: Document) -> None:
    """Report a kind that looks like one of Calico's and is none: no API server knows it."""
    if document.gvk.group not in {CALICO_V1, CALICO_V3}:
        return
    known = {kind.name: kind for kind in kinds() if kind.group == CALICO_V3}
    meant = near_miss(document.gvk.kind, set(known), cutoff=_SIMILAR_KINDS)
    if meant:
        choices = " or ".join(str(gvk) for gvk in known[meant].gvks)
        message = f"there is no {document.gvk}: the API server refuses it"
        document.problem(Layer.SCHEMA, message, at="/kind", hint=f"write {choices}")


def _read_meta(document: Document, kind: Kind[object], reader: Reader) -> Meta:
    reader.ignore(*_UNREAD_METADATA)
    own = _Metadata(
        reader.string("name"), reader.string_map("labels"), reader.string_map("annotations")
    )
    _check_names(document, kind, own)
    namespace = reader.string("namespace")
    if kind.namespaced and not namespace:
        namespace = DEFAULT_NAMESPACE
        document.default("/metadata/namespace", namespace, "kubectl, without another context")
    real = _unmangled(document, kind, own) if document.gvk.group == CALICO_V1 else own
    return Meta(
        ref=kind.ref(real.name, namespace),
        labels=real.labels,
        annotations=real.annotations,
        location=document.locate(""),
        api_version=document.gvk.api_version,
        uid=reader.string("uid"),
        resource_version=reader.string("resourceVersion"),
        deleting=reader.has("deletionTimestamp"),
        finalizers=reader.strings("finalizers"),
    )


def _check_names(document: Document, kind: Kind[object], own: _Metadata) -> None:
    if not kind.is_name(own.name):
        message = (
            f"{own.name[:64]!r} is no name: lower-case DNS labels, at most {MAX_NAME} characters"
        )
        document.problem(Layer.SCHEMA, message, at="/metadata/name")
    for key, value in own.labels.items():
        if not is_label_value(value):
            message = f"{value[:64]!r} is no value of a label ({key[:64]})"
            document.problem(Layer.SCHEMA, message, at="/metadata/labels")


def _unmangled(document: Document, kind: Kind[object], own: _Metadata) -> _Metadata:
    """The metadata that the v3 API shows of an object of the v1 group."""
    text = own.annotations.get(_METADATA)
    if text is None:
        return replace(own, name=_untiered(document, kind, own.name))
    try:
        stored = _parsed_metadata(text)
    except ValueError as error:
        message = (
            f"the annotation {_METADATA} cannot be read, so Calico cannot read the object: {error}"
        )
        document.problem(Layer.FELIX, message, at="/metadata/annotations")
        return own
    kept = {key: value for key, value in own.labels.items() if key.startswith(_KEPT_LABELS)}
    others = {key: value for key, value in own.annotations.items() if key != _METADATA}
    return _Metadata(
        stored.name or _untiered(document, kind, own.name),
        {**stored.labels, **kept},
        {**stored.annotations, **others},
    )


def _parsed_metadata(text: str) -> _Metadata:
    """The metadata in JSON *text*.

    Raises: ValueError.
    """
    try:
        stored = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(stored, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - a fault of the text
    name = stored.get("name") or ""
    if not isinstance(name, str):
        raise ValueError("its name is no string")  # noqa: TRY004 - a fault of the text
    return _Metadata(name, _strings(stored, "labels"), _strings(stored, "annotations"))


def _strings(stored: Mapping[str, object], key: str) -> dict[str, str]:
    value = stored.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError(f"its {key} are no mapping of strings")
    return value


def _untiered(document: Document, kind: Kind[object], name: str) -> str:
    """The v3 name of a policy that an older version stored with its tier before it."""
    if not kind.name.endswith("NetworkPolicy"):
        return name
    spec = document.raw.get("spec")
    tier = spec.get("tier") if isinstance(spec, dict) else None
    return name.removeprefix(_TIER_PREFIX) if tier in (None, "", "default") else name
