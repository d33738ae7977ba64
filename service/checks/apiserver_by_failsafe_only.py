"""Is there an endpoint of the API server that nodes or operators reach by a failsafe list alone?

docs/checks/apiserver-by-failsafe-only.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.apiserver.access import Who
from service.checks.apiserver.way import ways
from service.checks.contract import Check
from service.checks.verdict import Result, Severity, Verdict
from service.model.refs import ObjectRef
from service.net.headerspace import Bounds, HeaderSpace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.apiserver.way import Way
    from service.checks.settings import CheckSettings
    from service.policy.world import World

_ID = "apiserver-by-failsafe-only"
_API_SERVICE = ObjectRef("", "Service", "default", "kubernetes")


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A warning for each endpoint, with all senders whose packets no policy or profile lets through.

    Sources outside count only where operators are set: nobody else has to get there.
    """
    carried: dict[str, list[tuple[Way, HeaderSpace]]] = {}
    for way in ways(world, settings):
        space = way.carried(None)
        if space and way.who is not Who.OUTSIDE:
            carried.setdefault(str(way.endpoint), []).append((way, space))
    for endpoint, found in carried.items():
        yield _verdict(endpoint, found)


def _verdict(endpoint: str, found: list[tuple[Way, HeaderSpace]]) -> Verdict:
    way, space = found[0]
    senders = " and ".join(one.senders(packets) for one, packets in found)
    causes = dict.fromkeys(part.cause for one, _ in found for part in one.by_policy.parts)
    return Verdict(
        check=_ID,
        subject=_API_SERVICE,
        result=Result.WARN,
        severity=Severity.MEDIUM,
        reason="failsafe-only",
        message=f"{senders} reach the API server at {endpoint} by failsafe ports only: policy would "
        f"deny them ({', '.join(dict.fromkeys(cause.note or str(cause) for cause in causes))})",
        advice="Allow the API server's port by policy, at the senders and at the API server.",
        key=(endpoint,),
        witness=way.witness(space),
        causes=tuple(causes),
        details={"senders": senders},
        space=Bounds.exact(space),
    )


CHECK = Check(
    id=_ID,
    title="An API server that a failsafe list alone keeps within reach",
    severity=Severity.MEDIUM,
    subjects=frozenset({"Service"}),
    reasons={
        "failsafe-only": "Policy denies nodes or operators, and a failsafe port carries them."
    },
    audit=audit,
)
