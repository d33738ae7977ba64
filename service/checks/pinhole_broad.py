"""Which allows before the hosts' guards let outsiders in to every port?

docs/checks/pinhole-broad.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.nodeport.guard import bounds_port
from service.checks.rules.guards import pinholes
from service.checks.rules.insiders import knows_insiders, outsiders
from service.checks.verdict import Result, Severity, Verdict
from service.checks.witness import rule_packet
from service.net.headerspace import Field
from service.net.intervals import IntervalSet
from service.net.prefixes import addresses_in, cidrs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.rules.guards import Pinhole
    from service.checks.settings import CheckSettings
    from service.net.headerspace import HeaderSpace
    from service.policy.world import World

_ID = "pinhole-broad"
_SHOWN = 5


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each Allow without destination of sources that are not the cluster's own.

    A range that holds a node or a pod is the cluster's own; where their addresses are not known, nobody can
    tell, and the result is a skip.
    """
    for pinhole in pinholes(world):
        if not _names_destination(pinhole):
            for space in pinhole.opens:
                verdict = _judged(world, settings, pinhole=pinhole, space=space)
                if verdict is not None:
                    yield verdict
                    break


def _names_destination(pinhole: Pinhole) -> bool:
    destination = pinhole.rule.rule.destination
    selects = pinhole.rule.destination.positive or pinhole.rule.destination.negative
    named = bounds_port(pinhole.rule) or destination.nets or destination.not_nets
    return bool(named or selects or destination.services)


def _judged(
    world: World, settings: CheckSettings, *, pinhole: Pinhole, space: HeaderSpace
) -> Verdict | None:
    family = space.family
    trusted = addresses_in(settings.trusted, family)
    sources = space.project(Field.SRC) - trusted
    if IntervalSet.of((0, family.max_address)) <= sources:
        return None  # pinhole-any-source
    outside = outsiders(world, sources, family)
    if not outside:
        return None
    return _verdict(
        pinhole, space.restrict(Field.SRC, outside), outside, known=knows_insiders(world, family)
    )


def _verdict(pinhole: Pinhole, space: HeaderSpace, outside: IntervalSet, *, known: bool) -> Verdict:
    written = pinhole.written
    policy = written.policy.meta
    listed = [*cidrs(space.family, outside)]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return Verdict(
        check=_ID,
        subject=policy.ref,
        result=Result.FAIL if known else Result.SKIP,
        severity=Severity.MEDIUM if known else Severity.INFO,
        reason="no-destination",
        message=f"{written.label} lets {', '.join(listed[:_SHOWN])}{more} in to every port of the host, the "
        "kubelet's included, before any other policy of the host is asked",
        advice="Name the protocol and the ports that these sources need.",
        location=policy.location.at(pinhole.rule.rule.pointer),
        key=(str(written.direction), str(written.index)),
        witness=rule_packet(space),
        unknown=() if known else ("which addresses nodes and pods have",),
        details={"sources": [*listed]},
    )


CHECK = Check(
    id=_ID,
    title="An exception without a destination",
    severity=Severity.MEDIUM,
    subjects=frozenset({"GlobalNetworkPolicy"}),
    reasons={"no-destination": "An Allow lets outsiders in and names neither ports nor addresses."},
    audit=audit,
)
