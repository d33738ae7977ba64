"""Which ports of the control plane do outsiders reach past the host endpoints?

docs/checks/control-plane-open.md.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.cutoff.catalogue import Use
from service.checks.cutoff.ends import Ends
from service.checks.hosts.open_ports import (
    DOUBT,
    UNKNOWN,
    Listener,
    Passage,
    doubtful,
    opened,
    passages,
)
from service.checks.nodeport.guard import bounds_source, rule_of
from service.checks.verdict import Result, Severity, Verdict
from service.net.flow import PROTOCOL_NUMBERS
from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.cause import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.errors import SourceLocation
    from service.model.refs import ObjectRef
    from service.policy.world import World

_ID = "control-plane-open"
_RULE, _PROFILE, _FAILSAFE = "open-by-rule", "open-by-default", "open-by-failsafe"
_OUTCOMES = {
    _RULE: (Result.FAIL, Severity.HIGH, "Bound the rule by the sources that need the ports."),
    _PROFILE: (
        Result.WARN,
        Severity.MEDIUM,
        "Allow the ports from the nodes and the operators, and deny them to the rest.",
    ),
    _FAILSAFE: (
        Result.WARN,
        Severity.LOW,
        "Give the entries of failsafeInboundHostPorts a net, and allow the ports by policy.",
    ),
}
_PROXY_METRICS = "kube-proxy's metrics"
_CONTROLLER_MANAGER, _SCHEDULER = "the controller manager", "the scheduler"
_BEHIND_LOOPBACK = frozenset({_PROXY_METRICS, _CONTROLLER_MANAGER, _SCHEDULER})
"""What listens on 127.0.0.1 unless somebody says otherwise, in no object: alone it is no finding by default."""
_Found = tuple[str, Passage]


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each policy, or kind of endpoint, that lets outsiders pass, with all ports.

    A cluster whose nodes no host endpoint guards is guarded elsewhere, or nowhere: it is not judged.
    """
    groups: defaultdict[tuple[ObjectRef | None, str], list[_Found]] = defaultdict(list)
    for family in Family:
        ends = Ends(world, settings, family)
        for name, listener in _listeners(ends):
            for passage in passages(world, settings, listener, family=family):
                reason = _reason(world, passage)
                if reason:
                    by = passage.part.cause.policy
                    told = UNKNOWN if passage.unknown else reason
                    groups[by, told].append((name, passage))
    for (_, reason), found in groups.items():
        if reason == _RULE or any(name not in _BEHIND_LOOPBACK for name, _ in found):
            tell = doubtful if reason == UNKNOWN else opened
            yield tell(world, _blank(world, reason, found), [passage for _, passage in found])


def _listeners(ends: Ends) -> Iterator[tuple[str, Listener]]:
    """What answers on which nodes, as far as the cluster is known to run it."""
    members = ends.control_plane()
    yield "the kubelet", _listener(None, 10250)
    yield "kube-proxy's health check", _listener(None, 10256)
    yield _PROXY_METRICS, _listener(None, 10249)
    if members:
        yield "etcd", _listener(members, 2379, 2380)
        yield _CONTROLLER_MANAGER, _listener(members, 10257)
        yield _SCHEDULER, _listener(members, 10259)
    if ends.typha():
        yield "Typha", _listener(ends.typha(), 5473)
    if ends.uses(Use.BGP):
        yield "BGP", _listener(None, 179)


def _listener(nodes: tuple[str, ...] | None, *ports: int) -> Listener:
    numbers = IntervalSet.of(*((port, port) for port in ports))
    return Listener(PROTOCOL_NUMBERS["TCP"], numbers, nodes)


def _reason(world: World, passage: Passage) -> str:
    """Why the packets pass; "" where somebody decided so, for the sources that he named."""
    cause = passage.part.cause
    if cause.reason is Reason.FAILSAFE:
        return _FAILSAFE if passage.space - _by_net(world, passage) else ""
    rule = rule_of(world, cause)
    if rule is None:
        return _PROFILE
    return "" if bounds_source(rule) else _RULE


def _by_net(world: World, passage: Passage) -> HeaderSpace:
    """The packets that failsafe entries with a net let pass: somebody decided so."""
    family = passage.doorway.family
    boxes = (
        HeaderSpace.box(
            family,
            {
                Field.PROTOCOL: IntervalSet.single(one.protocol),
                Field.DST_PORT: IntervalSet.single(one.port),
                Field.SRC: IntervalSet.of((one.net.lo, one.net.hi)),
            },
        )
        for one in world.felix(passage.doorway.nodes[0]).failsafe_inbound
        if one.net is not None and one.net.family is family
    )
    return HeaderSpace.union_all(family, boxes)


def _subject(world: World, passage: Passage) -> tuple[ObjectRef, SourceLocation]:
    cause = passage.part.cause
    if cause.policy is not None:
        location = cause.location or world.policy(cause.policy).meta.location
        return cause.policy, location
    hep = passage.gate.named or passage.gate.wildcard
    if hep is None:
        raise ValueError("a doorway that is policed has a host endpoint")
    return hep.meta.ref, hep.meta.location


def _blank(world: World, reason: str, found: list[_Found]) -> Verdict:
    """The verdict without what is found of nodes, rules and packets."""
    result, severity, advice = _OUTCOMES.get(reason, _OUTCOMES[_PROFILE])
    subject, location = min(_subject(world, passage) for _, passage in found)
    names = dict.fromkeys(_named(name, passage.listener) for name, passage in found)
    return Verdict(
        check=_ID,
        subject=subject,
        result=result,
        severity=severity,
        reason=reason,
        message=f"outsiders reach {', '.join(names)}",
        advice=advice,
        location=location,
        details={"ports": [*names]},
    )


def _named(name: str, listener: Listener) -> str:
    aside = ", if it listens beyond 127.0.0.1" if name in _BEHIND_LOOPBACK else ""
    return f"{name} ({listener.ports}{aside})"


CHECK = Check(
    id=_ID,
    title="Ports of the control plane that outsiders reach",
    severity=Severity.HIGH,
    subjects=frozenset({"GlobalNetworkPolicy", "HostEndpoint"}),
    reasons={
        _RULE: "A rule that bounds no source lets outsiders in.",
        _PROFILE: "A profile, or no policy at all, lets outsiders in.",
        _FAILSAFE: "A failsafe port lets outsiders in, whatever policy says.",
        UNKNOWN: DOUBT,
    },
    audit=audit,
)
