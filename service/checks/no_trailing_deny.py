"""Which preDNAT policies allow some sources, while nothing denies the others? They guard nothing.

docs/checks/no-trailing-deny.md.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.mending.rules import ended
from service.checks.nodeport.guard import bounds_source, rule_of
from service.checks.rules.guards import guards
from service.checks.verdict import Result, Severity, Verdict
from service.checks.witness import rule_packet
from service.model.rule import port_numbers
from service.net.flow import protocol_name
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.policy.cause import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.rules.guards import Guard
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json
    from service.model.refs import ObjectRef
    from service.policy.cause import Cause
    from service.policy.convert import PolicyRule
    from service.policy.partition import Part
    from service.policy.world import World

_ID = "no-trailing-deny"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Open:
    """An Allow of some sources, and packets alike but from others that nobody denies."""

    cause: Cause
    rule: PolicyRule
    guard: Guard
    others: HeaderSpace


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A FAIL for each policy that lets chosen sources in to what is open to everyone anyway."""
    del settings
    found: defaultdict[ObjectRef, list[_Open]] = defaultdict(list)
    for guard in guards(world):
        for one in _open(world, guard):
            if one.cause.policy is not None:
                found[one.cause.policy].append(one)
    for ref in sorted(found):
        yield _verdict(world, ref, found[ref])


def _open(world: World, guard: Guard) -> Iterator[_Open]:
    partition = guard.partition
    denied = HeaderSpace.union_all(
        guard.family,
        (part.space.may for part in partition.of(Decision.DENY) if not _is_blocklist(world, part)),
    )
    undecided = partition.must(Decision.UNDECIDED)
    for part in partition.of(Decision.ALLOW):
        rule = rule_of(world, part.cause)
        if rule is None or not bounds_source(rule):
            continue
        from_anyone = part.space.must.forget(Field.SRC, Field.SRC_PORT)
        others = from_anyone & undecided
        if others and not from_anyone & denied:
            yield _Open(part.cause, rule, guard, others)


def _is_blocklist(world: World, part: Part) -> bool:
    """Whether a deny is of certain sources, and so no end of anything."""
    rule = rule_of(world, part.cause)
    return rule is not None and bool(rule.rule.source.nets or rule.source.positive)


def _verdict(world: World, ref: ObjectRef, found: list[_Open]) -> Verdict:
    first = found[0]
    policy = world.policy(ref)
    owners = tuple(dict.fromkeys(name for one in found for name in one.guard.owners))
    shown = ", ".join(owners[:_SHOWN]) or "whatever it selects"
    more = f" and {len(owners) - _SHOWN} more" if len(owners) > _SHOWN else ""
    rules = sorted({one.rule.index for one in found})
    return Verdict(
        check=_ID,
        subject=ref,
        result=Result.FAIL,
        severity=Severity.MEDIUM,
        reason="allow-only",
        message=f"ingress rule {', '.join(map(str, rules))} lets certain sources in, and nothing denies the "
        f"others on {shown}{more}: {policy.hook} policy has no default deny",
        advice="End the set with a policy that denies these ports, ordered after every allow.",
        location=first.cause.location or policy.meta.location,
        witness=rule_packet(first.others),
        causes=tuple(dict.fromkeys(one.cause for one in found)),
        details={
            "endpoints": [*owners],
            "rules": [*rules],
            "ports": _ports([one.rule for one in found]),
        },
        space=Bounds.exact(first.others),
    )


def _ports(rules: list[PolicyRule]) -> list[Json]:
    """What a deny would have to name: "TCP 30080", or "" for every port."""
    told = []
    for rule in rules:
        numbers = port_numbers(rule.rule.destination.ports)
        if rule.rule.protocol is None or not numbers:
            return [""]
        told.append(f"{protocol_name(rule.rule.protocol)} {str(numbers).replace(' ', '')}")
    return [*dict.fromkeys(told)]


CHECK = Check(
    id=_ID,
    title="A set of allows that nothing ends",
    severity=Severity.MEDIUM,
    subjects=frozenset({"GlobalNetworkPolicy"}),
    reasons={
        "allow-only": "Untracked or preDNAT rules allow some sources, and none denies the rest."
    },
    audit=audit,
    remedies=ended,
)
