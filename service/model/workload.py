"""The objects that make pods: what the template says of every pod that they make.

In manifests a template stands for pods whose number, nodes and addresses are not known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.model.document import Fields
from service.model.felix_settings import felix_settings, kept_environment
from service.model.kind import Kind
from service.model.meta import Layer
from service.model.owners import read_owner
from service.model.pod_spec import read_pod_spec, trimmed_pod_spec
from service.model.trimming import picked, trim_annotations, trimmed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.model.document import Document, Reader
    from service.model.meta import Meta
    from service.model.pod_spec import ContainerPort
    from service.model.refs import GVK, ObjectRef


_DAEMON_SET = "DaemonSet"


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment or another kind of template; ``labels`` and what follows are those of its pods.

    ``owner`` is the object that made this one: the Deployment of a ReplicaSet, the CronJob of a Job.
    ``felix`` is what the DaemonSet of calico-node sets of Felix, as `felix_settings` tells it.
    """

    meta: Meta
    kind: str
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[ContainerPort, ...] = ()
    service_account: str = ""
    host_network: bool = False
    owner: ObjectRef | None = None
    felix: Mapping[str, str | None] = field(default_factory=dict)


def read_workload(document: Document, spec: Reader) -> Workload:
    """The workload whose pods the field ``template`` of *spec* describes."""
    trim_annotations(document, ())
    template = spec.child("template", Fields.SOME)
    if template is None:
        message = f"a {document.gvk.kind} needs a template of its pods"
        document.problem(Layer.SCHEMA, message, at=spec.at("template"))
        template = document.reader({}, spec.at("template"))
    metadata = template.child("metadata", Fields.SOME)
    pod = template.child("spec", Fields.SOME) or document.reader({}, template.at("spec"))
    shared = read_pod_spec(document, pod)
    return Workload(
        meta=document.meta,
        kind=document.gvk.kind,
        labels=metadata.string_map("labels") if metadata else {},
        ports=shared.ports,
        service_account=shared.service_account,
        host_network=shared.host_network,
        owner=read_owner(document),
        felix=felix_settings(template.value("spec")) if document.gvk.kind == _DAEMON_SET else {},
    )


def workload_kind(gvk: GVK, plural: str) -> Kind[Workload]:
    """The kind of a workload whose spec holds the template itself."""
    return Kind(
        gvks=(gvk,), plural=plural, namespaced=True, type=Workload, decode=_decode, trim=_trim
    )


def _decode(document: Document) -> Workload:
    return read_workload(document, document.spec(Fields.SOME))


def _trim(raw: Mapping[str, object]) -> Mapping[str, object]:
    return trimmed(raw, {"spec": trimmed_workload_spec(raw.get("spec"))})


def trimmed_workload_spec(spec: object) -> object:
    """The raw form of *spec* with the template only, and that without what is not read."""
    if not isinstance(spec, dict):
        return spec
    template = spec.get("template")
    if not isinstance(template, dict):
        return picked(spec, ("template",))
    kept = picked(template, ("metadata", "spec"))
    if isinstance(metadata := kept.get("metadata"), dict):
        kept["metadata"] = picked(metadata, ("labels",))
    if "spec" in kept:
        kept["spec"] = trimmed_pod_spec(kept["spec"], kept_environment)
    return {"template": kept}
