"""The configuration of Calico's controllers: whether they make host endpoints, and which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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
