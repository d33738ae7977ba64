"""What a case expects of an audit, of reviews and of traces, and where the answers differ from it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from service.errors import ManifestError, SourceLocation
from service.policy.flow_query import FlowError, parse_flow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from service.checks.verdict import Json

Answer: TypeAlias = "Mapping[str, object]"

_BAD = frozenset({"fail", "warn", "error"})
_DEFAULT_REQUEST = "request"
_NO_OTHER = "all"
_OF_FINDING = (
    "check",
    "subject",
    "reason",
    "result",
    "severity",
    "nodes",
    "contains",
    "key",
    "line",
    "message",
    "suppressed",
)
_OF_REVIEW = ("allowed", "check", "reason", "contains", "warnings")
_OF_STAGE = ("node", "hook", "direction", "endpoint", "verdict", "tier", "policy", "rule", "reason")
_OF_FLOW = ("flow", "disposition", "at_host", "unknown", *_OF_STAGE)


class Door(Protocol):
    """Whoever answers for one case: the engine itself, or a door before it."""

    def findings(self) -> Sequence[Mapping[str, Json]]:
        """The findings of an audit of the case's cluster."""
        ...

    def review(self, review: Answer) -> Answer:
        """The AdmissionReview that answers *review*."""
        ...

    def trace(self, flow: Answer) -> Answer:
        """The trace of *flow*."""
        ...


@dataclass(frozen=True, slots=True)
class Expectation:
    """The content of an ``expect.yaml``. ``passes`` are checks without any finding; ``exactly`` says
    that the checks which ``findings`` name have no others, ``alone`` that no check has any. ``reviews`` go
    by the stem of their request.
    """

    audited: bool = False
    findings: tuple[Answer, ...] = ()
    passes: tuple[str, ...] = ()
    exactly: bool = False
    alone: bool = False
    reviews: Mapping[str, Answer] = field(default_factory=dict)
    flows: tuple[Answer, ...] = ()
    file: str = ""

    def check_requests(self, requests: Collection[str]) -> None:
        """Refuse a review that nobody asks for, and a request of which nothing is expected.

        Raises: ManifestError.
        """
        for name in sorted(self.reviews.keys() ^ set(requests)):
            detail = (
                f"there is no {name}.yaml to review"
                if name in self.reviews
                else f"nothing is expected of {name}.yaml"
            )
            raise ManifestError(detail, location=SourceLocation(self.file))

    def differences(self, door: Door, requests: Mapping[str, Answer]) -> Iterator[str]:
        """Where the answers of *door* are not as expected, a line each."""
        if self.audited:
            yield from self._audit_differences([*door.findings()])
        for name in self.reviews:
            yield from self.review_differences(name, door.review(requests[name]))
        for expected in self.flows:
            flow = _mapping(expected["flow"])
            yield from _flow_differences(expected, door.trace(flow))

    def review_differences(self, name: str, answer: Answer) -> Iterator[str]:
        """Where the answer to the request *name* is not as expected, a line each."""
        for line in _review_differences(self.reviews[name], answer):
            yield f"{name}: {line}"

    def _audit_differences(self, findings: Sequence[Mapping[str, Json]]) -> Iterator[str]:
        found = [one for one in findings if one["result"] in _BAD]
        for expected in self.findings:
            if not any(_is_finding(expected, one) for one in findings):
                near = [_short(one) for one in found if one["check"] == expected.get("check")]
                yield f"audit: no finding {_text(expected)}; there are {near or 'none'}"
        for check in self.passes:
            for one in found:
                if one["check"] == check:
                    yield f"audit: {check} should pass: {_short(one)}"
        if self.exactly or self.alone:
            named = {expected.get("check") for expected in self.findings}
            for one in found:
                is_meant = self.alone or one["check"] in named
                if is_meant and not any(_is_finding(e, one) for e in self.findings):
                    yield f"audit: not expected: {_short(one)}"


def parse_expectation(raw: Answer, file: str) -> Expectation:
    """The expectation that *raw*, the content of *file*, states.

    Raises: ManifestError for a key that is none, a value of the wrong form, or nothing expected at all.
    """
    reader = _Reader(file)
    reader.known(raw, ("audit", "review", "reviews", "flows"), "")
    audit = reader.mapping(raw.get("audit"), "/audit")
    reader.known(audit, ("findings", "exactly", "pass"), "/audit")
    if audit.get("exactly") not in {None, True, False, _NO_OTHER}:
        raise reader.error("exactly is true, false or all", "/audit/exactly")
    findings = reader.mappings(audit.get("findings"), "/audit/findings", known=_OF_FINDING)
    flows = reader.mappings(raw.get("flows"), "/flows", known=_OF_FLOW)
    for at, one in enumerate(flows):
        reader.check_flow(one.get("flow"), f"/flows/{at}/flow")
    reviews = {
        name: reader.mapping(one, f"/reviews/{name}")
        for name, one in reader.mapping(raw.get("reviews"), "/reviews").items()
    }
    if raw.get("review") is not None:
        reviews[_DEFAULT_REQUEST] = reader.mapping(raw["review"], "/review")
    for name, one in reviews.items():
        reader.known(one, _OF_REVIEW, f"/reviews/{name}")
    if not (audit or reviews or flows):
        raise reader.error("it expects nothing", "")
    return Expectation(
        audited=bool(audit),
        findings=findings,
        passes=_strings(audit.get("pass")),
        exactly=audit.get("exactly") is True,
        alone=audit.get("exactly") == _NO_OTHER,
        reviews=reviews,
        flows=flows,
        file=file,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Typed access to a decoded ``expect.yaml``."""

    file: str

    def error(self, detail: str, pointer: str) -> ManifestError:
        return ManifestError(detail, location=SourceLocation(self.file, pointer=pointer))

    def mapping(self, value: object, pointer: str) -> Answer:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.error("a mapping is needed", pointer)
        return value

    def mappings(
        self, value: object, pointer: str, *, known: Collection[str]
    ) -> tuple[Answer, ...]:
        if not isinstance(value, list | None):
            raise self.error("a list is needed", pointer)
        found = tuple(self.mapping(one, f"{pointer}/{at}") for at, one in enumerate(value or ()))
        for at, one in enumerate(found):
            self.known(one, known, f"{pointer}/{at}")
        return found

    def check_flow(self, value: object, pointer: str) -> None:
        try:
            parse_flow(value)
        except FlowError as error:
            raise self.error(error.detail, f"{pointer}{error.location.pointer}") from error

    def known(self, value: Answer, names: Collection[str], pointer: str) -> None:
        for name in value:
            if name not in names:
                raise self.error(f"{name} is none of {', '.join(names)}", f"{pointer}/{name}")


def _is_finding(expected: Answer, finding: Mapping[str, Json]) -> bool:
    return all(_agrees(name, value, finding) for name, value in expected.items()) and (
        "result" in expected or finding["result"] in _BAD
    )


def _agrees(name: str, wanted: object, finding: Mapping[str, Json]) -> bool:
    details = _mapping(finding["details"])
    match name:
        case "contains":
            told = json.dumps(finding, ensure_ascii=False)
            return all(text in told for text in _strings(wanted))
        case "subject":
            subject = _mapping(finding["subject"])
            path = "/".join(filter(None, (str(subject["namespace"]), str(subject["name"]))))
            return wanted == f"{subject['kind']} {path}"
        case "nodes":
            return set(_strings(wanted)) == set(_strings(details.get("nodes")))
        case "key":
            return list(_strings(wanted)) == finding["key"]
        case "line":
            return wanted == _mapping(finding["location"]).get("line")
        case "suppressed":
            return wanted == _mapping(finding["suppression"]).get("exception")
        case _:
            return wanted == finding.get(name)


def _review_differences(expected: Answer, answer: Answer) -> Iterator[str]:
    response = _mapping(answer["response"])
    told = _text(response)
    if "allowed" in expected and expected["allowed"] != response["allowed"]:
        yield f"allowed should be {_text(expected['allowed'])}: {told}"
    findings = str(_mapping(response.get("auditAnnotations")).get("findings", "")).split(",")
    if not any(_is_annotation(expected, one) for one in findings):
        yield f"no finding {expected.get('check', '')}/{expected.get('reason', '')}: {told}"
    message = str(_mapping(response.get("status")).get("message", ""))
    for text in _strings(expected.get("contains")):
        if text not in message:
            yield f"the message lacks {text!r}: {told}"
    warnings = _strings(response.get("warnings"))
    for text in _strings(expected.get("warnings")):
        if not any(text in warning for warning in warnings):
            yield f"no warning has {text!r}: {told}"
    if expected.get("warnings") == [] and warnings:
        yield f"there should be no warning: {told}"


def _is_annotation(expected: Answer, annotation: str) -> bool:
    """Whether ``check/reason=result`` is of the check and reason that are expected, if any are."""
    check, _, rest = annotation.partition("/")
    reason, _, result = rest.partition("=")
    if "check" not in expected and "reason" not in expected:
        return True
    refused = expected.get("allowed") is not False or result == "fail"
    return (
        expected.get("check", check) == check
        and expected.get("reason", reason) == reason
        and refused
    )


def _flow_differences(expected: Answer, answer: Answer) -> Iterator[str]:
    flow = _text(expected["flow"])
    for name in ("disposition", "at_host"):
        if name in expected and expected[name] != answer[name]:
            yield f"flow {flow}: {name} is {answer[name]}, not {expected[name]}: {_text(answer)}"
    stage = {name: expected[name] for name in _OF_STAGE if name in expected}
    stages = answer["stages"]
    if stage and isinstance(stages, list):
        met = (all(one[name] == stage[name] for name in stage) for one in stages)
        if not any(met):
            yield f"flow {flow}: no stage {_text(stage)}: {_text(stages)}"
    for text in _strings(expected.get("unknown")):
        if text not in _text(answer["unknown"]):
            yield f"flow {flow}: unknown lacks {text!r}: {_text(answer['unknown'])}"


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _strings(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _short(finding: Mapping[str, Json]) -> str:
    subject = _mapping(finding["subject"])
    head = f"{finding['result']} {finding['check']}/{finding['reason']}"
    return f"{head} of {subject['kind']} {subject['name']}: {finding['message']}"
