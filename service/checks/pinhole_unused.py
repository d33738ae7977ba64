"""Which allows before the hosts' guards are for node ports that no Service has (any more)?

docs/checks/pinhole-unused.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.mending.rules import unpinned
from service.checks.nodeport.openings import all_openings
from service.checks.rules.guards import pinholes
from service.checks.verdict import Result, Severity, Verdict
from service.checks.witness import rule_packet
from service.net.flow import protocol_name
from service.net.headerspace import Field
from service.net.intervals import IntervalSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.rules.guards import Pinhole
    from service.checks.settings import CheckSettings
    from service.model.rule import Port
    from service.policy.world import World

_ID = "pinhole-unused"


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each Allow that names ports of the node port range which no Service opens.

    Nothing is said of other ports, which a process of the host may serve, nor of the whole range, nor where
    the manifests hold no Service with a node port at all.
    """
    openings = tuple(all_openings(world, settings))
    if not openings:
        return
    for pinhole in pinholes(world):
        protocol = pinhole.rule.rule.protocol
        used = IntervalSet.union_all(one.ports for one in openings if one.protocol == protocol)
        unused = tuple(_unused(pinhole, used, settings))
        if protocol is not None and unused:
            yield _verdict(pinhole, protocol, unused)


def _unused(pinhole: Pinhole, used: IntervalSet, settings: CheckSettings) -> Iterator[Port]:
    whole = IntervalSet.of(settings.node_port_range)
    for port in pinhole.rule.rule.destination.ports:
        numbers = IntervalSet.of((port.lo, port.hi))
        if not port.name and numbers <= whole and numbers != whole and not numbers & used:
            yield port


def _verdict(pinhole: Pinhole, protocol: int, unused: tuple[Port, ...]) -> Verdict:
    written = pinhole.written
    policy = written.policy.meta
    ports = ", ".join(str(port).replace(":", "-") for port in unused)
    numbers = IntervalSet.of(*((port.lo, port.hi) for port in unused))
    space = pinhole.opens[0].restrict(Field.DST_PORT, numbers)
    return Verdict(
        check=_ID,
        subject=policy.ref,
        result=Result.FAIL,
        severity=Severity.LOW,
        reason="no-service",
        message=f"{written.label} lets packets in to {protocol_name(protocol)} {ports}, which no Service opens: "
        "the next one that is given the port is open at once",
        advice="Take the port out of the rule.",
        location=policy.location.at(pinhole.rule.rule.pointer),
        key=(str(written.direction), str(written.index)),
        witness=rule_packet(space),
        details={"protocol": protocol_name(protocol), "ports": [str(port) for port in unused]},
    )


CHECK = Check(
    id=_ID,
    title="An exception for a node port that nobody has",
    severity=Severity.LOW,
    subjects=frozenset({"GlobalNetworkPolicy"}),
    reasons={"no-service": "An Allow names node ports that no Service opens."},
    audit=audit,
    remedies=unpinned,
)
