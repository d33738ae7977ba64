"""What the API server calls while it answers requests: webhooks and aggregated API servers.

Source: Kubernetes api/admissionregistration/v1/types.go, kube-aggregator apis/apiregistration/v1/types.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.document import API_SERVER, Fields
from service.model.kind import Kind
from service.model.meta import Layer
from service.model.protocols import MAX_PORT
from service.model.refs import GVK
from service.model.trimming import picked, trim_annotations, trimmed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from service.model.document import Document, Reader
    from service.model.meta import Meta

_HTTPS = 443
_POLICIES = ("Fail", "Ignore")
_SERVICE = ("namespace", "name", "port")


@dataclass(frozen=True, slots=True)
class CalledService:
    """The Service by which the API server calls, and the port of it."""

    namespace: str
    name: str
    port: int = _HTTPS

    def __str__(self) -> str:
        return f"Service {self.namespace}/{self.name} port {self.port}"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook: by a Service, or else by ``url``. ``blocks`` says that requests fail where it does not
    answer.
    """

    name: str
    service: CalledService | None = None
    url: str = ""
    blocks: bool = True


@dataclass(frozen=True, slots=True)
class WebhookConfiguration:
    """The webhooks of a ValidatingWebhookConfiguration or a MutatingWebhookConfiguration."""

    meta: Meta
    webhooks: tuple[Webhook, ...] = ()


def webhook_kind(name: str, plural: str) -> Kind[WebhookConfiguration]:
    """The kind of that name, both of which are read alike."""
    return Kind(
        gvks=(GVK("admissionregistration.k8s.io", "v1", name),),
        plural=plural,
        namespaced=False,
        type=WebhookConfiguration,
        decode=_decode,
        trim=_trim,
    )


def read_service(document: Document, reader: Reader) -> CalledService | None:
    """The Service in the field ``service`` of *reader*; None where there is none."""
    service = reader.child("service", Fields.SOME)
    if service is None:
        return None
    port = service.integer("port")
    if port is None:
        document.default(service.at("port"), _HTTPS, API_SERVER)
    elif not 1 <= port <= MAX_PORT:
        message = f"{port} is no port: 1 to {MAX_PORT}"
        document.problem(Layer.SCHEMA, message, at=service.at("port"))
        port = None
    return CalledService(service.string("namespace"), service.string("name"), port or _HTTPS)


def kept_service(raw: object) -> dict[str, object]:
    """What is kept of a mapping that names a Service."""
    service = raw.get("service") if isinstance(raw, dict) else None
    return {"service": picked(service, _SERVICE)} if isinstance(service, dict) else {}


def _decode(document: Document) -> WebhookConfiguration:
    # What a webhook is asked about changes no packet.
    trim_annotations(document, ())
    readers = document.root.children("webhooks", Fields.SOME)
    return WebhookConfiguration(
        document.meta, tuple(_read_webhook(document, reader) for reader in readers)
    )


def _read_webhook(document: Document, reader: Reader) -> Webhook:
    client = reader.child("clientConfig", Fields.SOME)
    policy = reader.string("failurePolicy")
    if not policy:
        document.default(reader.at("failurePolicy"), _POLICIES[0], API_SERVER)
    elif policy not in _POLICIES:
        message = f"{policy!r} is no failurePolicy: {', '.join(_POLICIES)}"
        document.problem(Layer.SCHEMA, message, at=reader.at("failurePolicy"))
    return Webhook(
        name=reader.string("name"),
        service=read_service(document, client) if client else None,
        url=client.string("url") if client else "",
        blocks=policy != "Ignore",
    )


def _trim(raw: Mapping[str, object]) -> Mapping[str, object]:
    webhooks = raw.get("webhooks")
    kept = list(_trimmed(webhooks)) if isinstance(webhooks, list) else None
    return trimmed(raw, {"webhooks": kept})


def _trimmed(webhooks: Iterable[object]) -> Iterable[object]:
    for one in webhooks:
        if isinstance(one, dict):
            told = picked(one, ("name", "failurePolicy"))
            client = one.get("clientConfig")
            if isinstance(client, dict):
                told["clientConfig"] = {**picked(client, ("url",)), **kept_service(client)}
            yield told
