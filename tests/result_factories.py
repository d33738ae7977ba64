"""Audit runs, findings and what belongs to them, with every field defaulted."""

from __future__ import annotations

import hashlib
from typing import Any

from service.store.records import AuditRun, Finding, InputFault, Manifest, Token

RULE = {
    "tier": "default",
    "policy": "GlobalNetworkPolicy drop-other-ingress",
    "rule": 0,
    "hook": "preDNAT",
    "direction": "ingress",
    "reason": "rule",
    "text": "GlobalNetworkPolicy drop-other-ingress, ingress rule 0",
}
WITNESS = {
    "flow": {
        "from": {"ip": "203.0.113.9"},
        "to": {"ip": "192.168.0.10"},
        "protocol": "TCP",
        "port": 30010,
        "family": 4,
    },
    "text": "TCP 203.0.113.9:40000 -> 192.168.0.10:30010 via node1 eth0",
}


def make_finding_document(**changes: Any) -> dict[str, Any]:
    """A finding as every door tells it; its fingerprint follows from subject and reason."""
    document: dict[str, Any] = {
        "check": "nodeport-unguarded",
        "reason": "no-trailing-deny",
        "result": "fail",
        "severity": "high",
        "score": 8.0,
        "subject": {"group": "", "kind": "Service", "namespace": "default", "name": "bar"},
        "message": "node port 30010/TCP is open to 0.0.0.0/0 on node1",
        "advice": "Add a Deny without a source at the end of the preDNAT policies.",
        "location": {"file": "bar.yaml", "line": 7, "pointer": "/spec/ports/0"},
        "key": ["30010", "TCP", "4"],
        "witness": WITNESS,
        "rules": [RULE],
        "unknown": ["what pods would add to role == 'client'"],
        "details": {"nodes": ["node1"]},
        "fix": {"summary": "deny the rest", "yaml": "kind: GlobalNetworkPolicy\n"},
        "suppression": None,
        "revision": "184467",
        "age_s": 0.5,
        **changes,
    }
    identity = f"{document['subject']}{document['reason']}{document['key']}"
    return {"fingerprint": hashlib.sha256(identity.encode()).hexdigest(), **document}


def make_finding(position: int = 0, **changes: Any) -> Finding:
    """A finding at *position*."""
    return Finding(position, make_finding_document(**changes))


def make_run(**changes: Any) -> AuditRun:
    """A run of one high finding over two files, with a skipped kind and a fault."""
    values: dict[str, Any] = {
        "id": "0" * 32,
        "started_at": "2026-11-23T04:00:00.000000Z",
        "version": "0.1.0",
        "digest": "d" * 64,
        "sources": ("bar.yaml", "b.yaml"),
        "files": 2,
        "documents": 5,
        "objects": 3,
        "checks": ("apiserver-lockout", "nodeport-unguarded"),
        "settings": {"node_port_range": "30000-32767", "trusted": ["10.0.0.0/8"]},
        "skipped": {"apps/v1 Deployment": 1},
        "errors": (InputFault("unreadable-manifest", "a key stands twice", "b.yaml", 3, 1),),
        "counts": {"critical": 0, "high": 1, "medium": 0, "low": 0, "info": 0},
    }
    return AuditRun(**values | changes)


def make_manifest(name: str = "bar.yaml", content: str = "kind: Service\n") -> Manifest:
    """An uploaded text."""
    return Manifest(name, content)


def make_token(name: str = "first", **changes: Any) -> Token:
    """A token that may do everything, of a digest that no secret has."""
    values: dict[str, Any] = {
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "created_at": "2026-11-23T04:00:00.000000Z",
        "scopes": frozenset({"read", "audit"}),
    }
    return Token(name=name, **values | changes)


SUPPRESSION = {
    "exception": "legacy",
    "reason": "it filters by itself",
    "owner": "net@example.org",
    "ticket": "NET-1",
    "expires": "2026-12-24T00:00:00Z",
}
