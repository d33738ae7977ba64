"""The neutral document that every format is written from, and what a format is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import IO, TYPE_CHECKING, TypedDict

from service.registry import discover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from service.checks.verdict import Json


class Fault(TypedDict):
    """A document that could not be read. ``line`` and ``column`` are 0 where not known."""

    code: str
    detail: str
    file: str
    line: int
    column: int
    pointer: str


class Run(TypedDict):
    """An audit run as REST spells it."""

    id: str
    started_at: str
    version: str
    digest: str
    revision: str
    age_s: float | None
    sources: list[str]
    files: int
    documents: int
    objects: int
    checks: list[str]
    settings: dict[str, Json]
    skipped: dict[str, int]
    errors: list[Fault]
    counts: dict[str, int]


class Subject(TypedDict):
    """The object at fault; ``namespace`` is empty for a cluster-scoped one."""

    group: str
    kind: str
    namespace: str
    name: str


class Location(TypedDict):
    """Where the fault is written."""

    file: str
    line: int
    pointer: str


class Witness(TypedDict):
    """The packet that proves the finding: as a flow to trace again, and for people."""

    flow: dict[str, Json]
    text: str


class DecidingRule(TypedDict):
    """What decided the packet, or stood in a rule's place."""

    tier: str
    policy: str
    rule: int | None
    hook: str
    direction: str
    reason: str
    text: str


class Fix(TypedDict):
    """A change that the engine has verified."""

    summary: str
    yaml: str


class Suppression(TypedDict):
    """The exception that somebody answers with."""

    exception: str
    reason: str
    owner: str
    ticket: str
    expires: str


class Finding(TypedDict):
    """A finding as every door tells it."""

    fingerprint: str
    check: str
    reason: str
    result: str
    severity: str
    score: float
    subject: Subject
    message: str
    advice: str
    location: Location | None
    key: list[str]
    witness: Witness | None
    rules: list[DecidingRule]
    unknown: list[str]
    details: dict[str, Json]
    fix: Fix | None
    revision: str
    age_s: float | None
    suppression: Suppression | None


@dataclass(frozen=True, slots=True)
class Report:
    """One audit to be told. ``findings`` are read once, in order: a report is written once.

    ``verify`` is the command that repeats the audit.
    """

    run: Run
    findings: Iterable[Finding]
    verify: str


@dataclass(frozen=True, slots=True)
class Exporter:
    """A format: ``id`` as callers name it, and ``write(report, stream)``.

    ``style_source`` is what a Content-Security-Policy must allow for the format's own inline style.
    """

    id: str
    media_type: str
    suffix: str
    write: Callable[[Report, IO[bytes]], None]
    style_source: str = ""


@cache
def exporters() -> Mapping[str, Exporter]:
    """Every format by its id, sorted."""
    found = discover("service.reports.exporters", "EXPORTER", Exporter)
    return {exporter.id: exporter for exporter in sorted(found, key=lambda one: one.id)}


def subject_text(subject: Subject) -> str:
    """``Service default/web``; without namespace, ``Node n1``."""
    path = f"{subject['namespace']}/{subject['name']}" if subject["namespace"] else subject["name"]
    return f"{subject['kind']} {path}"


def location_text(location: Location | Fault | None) -> str:
    """``file:line``, as editors open it; empty where nothing is known."""
    if location is None:
        return ""
    place = location["file"]
    return f"{place}:{location['line']}" if place and location["line"] else place


def suppression_text(suppression: Suppression) -> str:
    """Who answers for a finding, why, and until when."""
    return (
        f"by {suppression['owner']} until {suppression['expires']}: {suppression['reason']} "
        f"({suppression['ticket']}, NodewardException {suppression['exception']})"
    )
