"""The configuration of Calico's controllers: whether they make host endpoints, and which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.model.addresses import read_networks
from service.model.document import API_SERVER, Fields
from service.model.kind import Kind, calico_gvks
from service.model.meta import Layer
from service.model.selector_fields import parse_fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.model.document import Document, Reader
    from service.model.meta import Meta
    from service.net.prefixes import Prefix


@dataclass(frozen=True, slots=True)
class HostEndpointTemplate:
    """A template of automatic host endpoints; an empty ``node_selector`` means all nodes."""

    generate_name: str
    interface_cidrs: tuple[Prefix, ...] = ()
    interface_pattern: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    node_selector: str = ""


@dataclass(frozen=True, slots=True)
class KubeControllersConfiguration:
    """A KubeControllersConfiguration; ``create_default`` tells of the default endpoint per node."""

    meta: Meta
    auto_create: bool = False
    create_default: bool = True
    templates: tuple[HostEndpointTemplate, ...] = ()


_ENABLED, _DISABLED = "Enabled", "Disabled"


def _decode(document: Document) -> KubeControllersConfiguration:
    spec = document.spec(Fields.SOME)
    if not spec.has("healthChecks"):
        document.default(spec.at("healthChecks"), _ENABLED, API_SERVER)
    controllers = spec.child("controllers", Fields.SOME)
    node = controllers.child("node", Fields.SOME) if controllers else None
    endpoint = node.child("hostEndpoint") if node else None
    if endpoint is None:
        return KubeControllersConfiguration(document.meta)
    templates = (_read_template(document, reader) for reader in endpoint.children("templates"))
    return KubeControllersConfiguration(
        meta=document.meta,
        auto_create=_read_switch(document, endpoint, "autoCreate") == _ENABLED,
        create_default=_read_switch(document, endpoint, "createDefaultHostEndpoint") != _DISABLED,
        templates=tuple(template for template in templates if template is not None),
    )


def _read_switch(document: Document, reader: Reader, key: str) -> str:
    text = reader.string(key)
    if text not in {"", _ENABLED, _DISABLED}:
        message = f"{text[:64]!r} is neither {_ENABLED} nor {_DISABLED}"
        document.problem(Layer.VALIDATOR, message, at=reader.at(key))
    return text


def _read_template(document: Document, reader: Reader) -> HostEndpointTemplate | None:
    """The template; None where its selector does not parse and no node can match it."""
    template = HostEndpointTemplate(
        generate_name=reader.string("generateName"),
        interface_cidrs=read_networks(
            document, reader, "interfaceCIDRs", refused_by=(Layer.VALIDATOR, Layer.RUNTIME)
        ),
        interface_pattern=reader.string("interfacePattern"),
        labels=reader.string_map("labels"),
        annotations=reader.string_map("annotations"),
        node_selector=reader.string("nodeSelector"),
    )
    fault = parse_fault(template.node_selector)
    if not fault:
        return template
    for layer in (Layer.VALIDATOR, Layer.RUNTIME):
        message = f"the nodeSelector does not parse: {fault}"
        document.problem(layer, message, at=reader.at("nodeSelector"))
    return None


KIND = Kind(
    gvks=calico_gvks("KubeControllersConfiguration"),
    plural="kubecontrollersconfigurations",
    namespaced=False,
    type=KubeControllersConfiguration,
    decode=_decode,
)
