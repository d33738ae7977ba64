"""Which allows before the hosts' guards are for everyone?

docs/checks/pinhole-any-source.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.nodeport.guard import bounds_port
from service.checks.rules.guards import pinholes
from service.checks.verdict import Result, Severity, Verdict
from service.checks.witness import rule_packet
from service.net.headerspace import Field
from service.net.intervals import IntervalSet
from service.net.prefixes import addresses_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.rules.guards import Pinhole
    from service.checks.settings import CheckSettings
    from service.net.headerspace import HeaderSpace
    from service.policy.world import World

_ID = "pinhole-any-source"


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each Allow of every source; quiet where the owner permits every source."""
    for pinhole in pinholes(world):
        wide = tuple(space for space in pinhole.opens if _is_for_everyone(space, settings))
        if wide:
            yield _verdict(pinhole, wide)


def _is_for_everyone(space: HeaderSpace, settings: CheckSettings) -> bool:
    """Whether one port at least is open to all sources of the family, and the owner did not say so."""
    everyone = IntervalSet.of((0, space.family.max_address))
    permitted = addresses_in((*settings.permitted, *settings.trusted), space.family)
    return everyone <= space.project(Field.SRC) and not everyone <= permitted


def _verdict(pinhole: Pinhole, wide: tuple[HeaderSpace, ...]) -> Verdict:
    written = pinhole.written
    policy = written.policy.meta
    bounded = bounds_port(pinhole.rule) or bool(pinhole.rule.rule.destination.nets)
    families = " and ".join(f"IPv{space.family}" for space in wide)
    what = "the ports that it names" if bounded else "every port of the host"
    return Verdict(
        check=_ID,
        subject=policy.ref,
        result=Result.WARN if bounded else Result.FAIL,
        severity=Severity.LOW if bounded else Severity.HIGH,
        reason="any-source" if bounded else "everything",
        message=f"{written.label} lets every {families} source in to {what}, before any other policy of "
        "the host is asked",
        advice="Bound the rule by source; or name everyone in sources.permitted, if everyone is meant.",
        location=policy.location.at(pinhole.rule.rule.pointer),
        key=(str(written.direction), str(written.index)),
        witness=rule_packet(wide[0]),
        details={"families": [int(space.family) for space in wide]},
    )


CHECK = Check(
    id=_ID,
    title="An exception for everyone",
    severity=Severity.HIGH,
    subjects=frozenset({"GlobalNetworkPolicy"}),
    reasons={
        "any-source": "An Allow names ports and no source.",
        "everything": "An Allow names neither ports nor source.",
    },
    audit=audit,
)
