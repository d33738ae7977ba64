"""A verdict as every door tells it: plain JSON, the same in reports, REST and the command line."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from service.net.flow import protocol_name
from service.net.prefixes import format_ip

if TYPE_CHECKING:
    from service.checks.verdict import Json, Verdict, Witness
    from service.errors import SourceLocation
    from service.policy.cause import Cause


def to_json(verdict: Verdict, *, revision: str = "", age_s: float | None = None) -> dict[str, Json]:
    """The finding; ``witness.flow`` is a flow that ``nodeward trace`` takes.

    *revision* and *age_s* are those of the state that was judged.
    """
    subject = verdict.subject
    return {
        "fingerprint": verdict.fingerprint,
        "check": verdict.check,
        "reason": verdict.reason,
        "result": verdict.result.value,
        "severity": verdict.severity.value,
        "score": verdict.severity.score,
        "subject": {
            "group": subject.group,
            "kind": subject.kind,
            "namespace": subject.namespace,
            "name": subject.name,
        },
        "message": verdict.message,
        "advice": verdict.advice,
        "location": _location(verdict.location),
        "key": [*verdict.key],
        "witness": witness_json(verdict.witness) if verdict.witness else None,
        "rules": [rule_json(cause) for cause in verdict.causes],
        "unknown": [*verdict.unknown],
        "details": verdict.details,
        "fix": {"summary": verdict.fix.summary, "yaml": verdict.fix.yaml} if verdict.fix else None,
        "suppression": asdict(verdict.suppression) if verdict.suppression else None,
        "revision": revision,
        "age_s": age_s,
    }


def _location(location: SourceLocation | None) -> Json:
    if location is None:
        return None
    return {"file": location.file, "line": location.line, "pointer": location.pointer}


def witness_json(witness: Witness) -> dict[str, Json]:
    """A witness packet as text, and as a flow in the trace format."""
    flow = witness.flow
    sender: dict[str, Json] = {"ip": format_ip(flow.family, flow.src)}
    receiver: dict[str, Json] = {"ip": format_ip(flow.family, flow.dst)}
    told: dict[str, Json] = {
        "from": {"node": witness.sender} if witness.sender else sender,
        "to": receiver if witness.dst_known else {"node": witness.node},
        "protocol": protocol_name(flow.protocol),
        "family": int(flow.family),
    }
    if flow.dst_port is not None:
        told |= {"port": flow.dst_port, "src_port": flow.src_port}
    if flow.icmp_type is not None:
        told["icmp"] = {"type": flow.icmp_type, "code": flow.icmp_code}
    if witness.node and witness.interface:
        told["via"] = {"node": witness.node, "interface": witness.interface}
    return {"flow": told, "text": str(witness)}


def rule_json(cause: Cause) -> dict[str, Json]:
    """A deciding rule, or what stood in its place."""
    return {
        "tier": cause.tier,
        "policy": cause.policy.name if cause.policy else "",
        "rule": cause.rule,
        "hook": cause.hook.value,
        "direction": cause.direction.value,
        "reason": cause.reason.value,
        "text": str(cause),
    }
