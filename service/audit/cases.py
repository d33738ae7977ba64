"""Case folders: a cluster, requests to change it, and what is expected of both."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.admission.decide import decide
from service.admission.review import parse_review
from service.admission.review import response as review_response
from service.admission.terms import terms
from service.audit.expectation import Expectation, parse_expectation
from service.audit.run import Source, chosen_checks, judged
from service.checks.finding import to_json
from service.checks.settings import cluster_profile
from service.cluster.manifests import load_paths
from service.cluster.yaml_docs import MAX_BYTES, decoded_text, documents
from service.errors import ManifestError, SourceLocation
from service.model.decode import decode_object
from service.model.kind import kinds_by_gvk
from service.model.meta import Decoded
from service.model.refs import GVK
from service.policy.trace import parse_flow, trace
from service.settings import Settings, of_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from service.checks.verdict import Json
    from service.cluster.manifests import Loaded
    from service.model.snapshot import Snapshot

CLUSTER = "cluster.yaml"
SETTINGS = "settings.yaml"
EXPECTATION = "expect.yaml"
_REQUESTS = "request*.yaml"
_REQUEST_FIELDS = ("operation", "object", "oldObject", "dryRun", "user")


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it was read; ``reviews`` are AdmissionReviews by the stem of their files."""

    name: str
    folder: Path
    loaded: Loaded
    settings: Settings
    expectation: Expectation
    reviews: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Engine:
    """The door without a door: it answers a case in this process."""

    source: Source
    settings: Settings

    @classmethod
    def of(cls, case: Case) -> Engine:
        """The engine over the cluster and the settings of *case*."""
        names = [str(case.folder / CLUSTER)]
        return cls(Source(case.loaded, names, cluster_profile(case.settings)), case.settings)

    def findings(self) -> Sequence[Mapping[str, Json]]:
        """The findings of an audit, passes included."""
        agreed, at_s = terms(self.settings), int(time.time())
        return [to_json(one) for one in judged(self.source, agreed, chosen_checks(), at_s=at_s)]

    def review(self, review: Mapping[str, object]) -> Mapping[str, object]:
        """The answer to an AdmissionReview."""
        asked, agreed = parse_review(review), terms(self.settings)
        decision = decide(self.source.world, asked, agreed, now_s=int(time.time()))
        return {**review_response(decision)}

    def trace(self, flow: Mapping[str, object]) -> Mapping[str, object]:
        """The answer to a flow."""
        return trace(self.source.world, parse_flow(flow)).to_json()


def load_case(folder: Path) -> Case:
    """The case in *folder*.

    Raises: InputError for whatever cannot be read, a request without its object among it.
    """
    expectation = parse_expectation(_read(folder / EXPECTATION), str(folder / EXPECTATION))
    loaded = load_paths([str(folder / CLUSTER)])
    for error in loaded.errors:
        raise error
    settings = folder / SETTINGS
    reviews = {path.stem: _review(path, loaded.snapshot) for path in sorted(folder.glob(_REQUESTS))}
    expectation.check_requests(reviews)
    return Case(
        name=folder.name,
        folder=folder,
        loaded=loaded,
        settings=of_file(settings) if settings.exists() else Settings(),
        expectation=expectation,
        reviews=reviews,
    )


def _read(path: Path) -> Mapping[str, object]:
    """The one mapping that a YAML file holds."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        detail = f"cannot be read: {error.strerror or error}"
        raise ManifestError(detail, location=SourceLocation(str(path))) from error
    found = list(documents(decoded_text(data, str(path)), str(path)))
    for one in found:
        if isinstance(one, ManifestError):
            raise one
        if len(found) == 1 and isinstance(one.value, dict):
            return one.value
    raise ManifestError("one mapping is needed", location=SourceLocation(str(path)))


def _review(path: Path, snapshot: Snapshot) -> Mapping[str, object]:
    """The AdmissionReview of a request file, as an API server would send it.

    An UPDATE or DELETE without ``oldObject`` means the object of the cluster.
    """
    request = _read(path)
    place = SourceLocation(str(path))
    for name in request:
        if name not in _REQUEST_FIELDS:
            raise ManifestError(f"there is no field {name} in a request", location=place)
    operation = str(request.get("operation", "CREATE")).upper()
    subject = request.get("object") or request.get("oldObject")
    decoded = decode_object(subject, place)
    if not isinstance(decoded, Decoded):
        raise ManifestError(f"{decoded.gvk} is not read", location=place)
    old = request.get("oldObject")
    if operation in {"UPDATE", "DELETE"} and old is None:
        standing = snapshot.find(decoded.ref)
        if standing is None:
            raise ManifestError(f"{decoded.ref} is not in the cluster", location=place)
        old = standing.raw
    gvk = GVK.of(decoded.meta.api_version, decoded.ref.kind)
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": f"case-{path.parent.name}-{path.stem}",
            "kind": {"group": gvk.group, "version": gvk.version, "kind": gvk.kind},
            "resource": {
                "group": gvk.group,
                "version": gvk.version,
                "resource": kinds_by_gvk()[gvk].plural,
            },
            "operation": operation,
            "name": decoded.ref.name,
            "namespace": decoded.ref.namespace,
            "userInfo": {"username": request.get("user") or "somebody"},
            "object": None if operation == "DELETE" else request.get("object"),
            "oldObject": old,
            "dryRun": bool(request.get("dryRun")),
        },
    }
