"""What a store keeps: audit runs, their findings, the manifests they judged, decisions, and API tokens."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.checks.verdict import Json


@dataclass(frozen=True, slots=True)
class InputFault:
    """Something in the input of a run that could not be read, and where it stands."""

    code: str
    detail: str
    file: str = ""
    line: int = 0
    column: int = 0
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class AuditRun:
    """One audit: what was judged, with which settings and version, and what came of it.

    ``id`` follows from source, settings and clock, so the same audit has the same id. ``started_at``
    is RFC 3339 in UTC with microseconds: its text sorts as time does. ``digest`` names the objects
    that were read, ``revision`` and ``age_s`` tell how fresh they were where they came from a live cluster,
    ``sources`` are the paths or names they came from. ``counts`` has every severity, also those of no finding. ``skipped`` counts the
    documents of kinds that Nodeward does not read; ``errors`` are the documents it could not read.
    """

    id: str
    started_at: str
    version: str
    digest: str
    revision: str = ""
    age_s: float | None = None
    sources: tuple[str, ...] = ()
    files: int = 0
    documents: int = 0
    objects: int = 0
    checks: tuple[str, ...] = ()
    settings: Mapping[str, Json] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    errors: tuple[InputFault, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """The run as REST, reports and the store spell it."""
        document: dict[str, Json] = asdict(self)
        return document | {
            "sources": list(self.sources),
            "checks": list(self.checks),
            "errors": [asdict(fault) for fault in self.errors],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> AuditRun:
        """The run that `to_json` told; *document* is our own, so it is not validated again."""
        known = dict(cast("Mapping[str, Any]", document))
        known["sources"] = tuple(known["sources"])
        known["checks"] = tuple(known["checks"])
        known["errors"] = tuple(InputFault(**fault) for fault in known["errors"])
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict that is no pass, as every door tells it.

    ``position`` is its place in the run, from 0. ``document`` is the one JSON form of a finding;
    what a store filters on is read from it.
    """

    position: int
    document: Mapping[str, Json]

    def text(self, name: str) -> str:
        """The string under *name* at the top of the document."""
        return cast("str", self.document[name])

    @property
    def subject(self) -> str:
        """The object at fault, spelled as ``ObjectRef`` does: ``Service default/web``."""
        ref = cast("Mapping[str, str]", self.document["subject"])
        path = f"{ref['namespace']}/{ref['name']}" if ref["namespace"] else ref["name"]
        return f"{ref['kind']} {path}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One uploaded text, kept so that flows can be traced through the cluster of an audit."""

    name: str
    content: str


@dataclass(frozen=True, slots=True)
class Token:
    """A caller's bearer token. Only its hash is kept: 64 hex digits of SHA-256.

    The token is 256 random bits, so a plain hash cannot be searched backwards.
    """

    digest: str
    name: str
    created_at: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """An admission decision, in the form of ``service.admission.record``; its id is the key."""

    document: Mapping[str, Json]

    @property
    def id(self) -> str:
        """The decision's id."""
        return self.text("id")

    def text(self, name: str) -> str:
        """The string under *name* at the top of the document; "" where there is null."""
        return cast("str", self.document[name] or "")

    @property
    def checks(self) -> frozenset[str]:
        """The checks that had something to say."""
        findings = cast("list[Mapping[str, str]]", self.document["findings"])
        return frozenset(one["check"] for one in findings)
