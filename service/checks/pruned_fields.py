"""Which objects lost a field on their way into the cluster, as what was applied last shows?

docs/checks/pruned-fields.md.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from service.checks.contract import GUARDING_KINDS, POLICY_KINDS, Check
from service.checks.hosts.proof import some
from service.checks.verdict import Result, Severity, Verdict
from service.errors import DecodeError
from service.model.blanks import visible
from service.model.decode import decode_object
from service.model.meta import Decoded, Layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.policy.world import World

_ID = "pruned-fields"
_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
_KINDS = GUARDING_KINDS | POLICY_KINDS


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each object that was applied with a field that the API server does not know.

    Under strict validation it would have been refused. An unknown field that is still there is a manifest's
    and no stored object's: `object-ignored` tells of it.
    """
    del settings
    for decoded in world.snapshot.decoded():
        text = decoded.meta.annotations.get(_ANNOTATION)
        if text and decoded.ref.kind in _KINDS:
            lost = [*_lost(decoded, text)]
            if lost:
                yield Verdict(
                    check=_ID,
                    subject=decoded.ref,
                    result=Result.FAIL,
                    severity=Severity.HIGH,
                    reason="pruned",
                    message=f"the object was applied with fields that the API server dropped: "
                    f"{some(lost)}: what is in force is not what was written",
                    advice="Mend the manifest, and apply it with strict validation (kubectl's default).",
                    location=decoded.meta.location,
                    details={"fields": [*lost]},
                )


def _lost(decoded: Decoded[object], text: str) -> Iterator[str]:
    """The unknown fields of what was applied that the object does not have, as pointers to be seen."""
    try:
        applied = json.loads(text)
        read = decode_object(applied, decoded.meta.location)
    except (ValueError, RecursionError, DecodeError):
        return
    if isinstance(read, Decoded):
        for problem in read.problems:
            pointer = problem.location.pointer.removeprefix(decoded.meta.location.pointer)
            if problem.layer is Layer.STRICT and not _has(decoded.raw, pointer):
                yield visible(pointer)


def _has(raw: object, pointer: str) -> bool:
    """Whether *pointer* leads somewhere in *raw* (RFC 6901)."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(raw, dict) and name in raw:
            raw = raw[name]
        elif isinstance(raw, list) and name.isdigit() and int(name) < len(raw):
            raw = raw[int(name)]
        else:
            return False
    return True


CHECK = Check(
    id=_ID,
    title="Objects that lost fields on their way into the cluster",
    severity=Severity.HIGH,
    subjects=_KINDS,
    reasons={"pruned": "The last applied configuration has unknown fields that the object lacks."},
    audit=audit,
)
