"""What rules let through to a node port on purpose, and whether that is what the owner wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.checks.nodeport.guard import bounds_source, rule_of
from service.checks.verdict import Result, Severity
from service.model.rule import Action, port_numbers
from service.net.headerspace import Field, HeaderSpace
from service.net.prefixes import addresses_in, cidrs
from service.policy.cause import Decision, Direction, Hook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.nodeport.guard import Guarding
    from service.checks.nodeport.judge import Judge
    from service.checks.nodeport.openings import Opening
    from service.policy.cause import Cause
    from service.policy.convert import Policy, PolicyRule
    from service.policy.partition import Part

_CIDRS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Intent:
    """Something remarkable about what rules let through; ``space`` are the packets it is about."""

    reason: str
    result: Result
    severity: Severity
    because: str
    advice: str
    space: HeaderSpace
    causes: tuple[Cause, ...] = ()


def intents(judge: Judge, guarding: Guarding, opening: Opening) -> Iterator[Intent]:
    """What there is to say of the packets to *opening* that rules let through at one entry."""
    let_through = guarding.let_through.may
    if let_through:
        yield from _not_permitted(judge, guarding)
        yield from _from_everywhere(judge, guarding, opening)
        yield from _behind_proxies(judge, guarding)
    yield from _shadowed(judge, guarding, opening)


def remarkable(judge: Judge, guarding: Guarding) -> HeaderSpace:
    """The packets to any opening of which `intents` may have something to say, and perhaps some more."""
    spaces = [
        _beyond(judge, guarding),
        _from_proxies(judge, guarding),
        *(part.space.may for part in _unbounded(judge, guarding)),
        *_hidden(judge, guarding),
    ]
    return HeaderSpace.union_all(guarding.entry.family, spaces)


def _beyond(judge: Judge, guarding: Guarding) -> HeaderSpace:
    """What rules let through of sources that nobody permitted, where the owner says which are."""
    family, permitted = guarding.entry.family, judge.settings.permitted
    if not permitted:
        return HeaderSpace.nothing(family)
    expected = addresses_in((*permitted, *judge.settings.trusted), family)
    return guarding.let_through.must - HeaderSpace.box(family, {Field.SRC: expected})


def _not_permitted(judge: Judge, guarding: Guarding) -> Iterator[Intent]:
    beyond = _beyond(judge, guarding)
    if beyond:
        yield Intent(
            "source-not-permitted",
            Result.FAIL,
            Severity.HIGH,
            f"rules let through {_sources(beyond)}, which sources.permitted does not name",
            "Narrow the rule's source, or permit it.",
            beyond,
            _allows(guarding, beyond),
        )


def _from_everywhere(judge: Judge, guarding: Guarding, opening: Opening) -> Iterator[Intent]:
    """An Allow without any bound on its source; a later deny that it hides is the likelier intent."""
    for part in _unbounded(judge, guarding):
        space = part.space.may
        hidden = _later_deny(judge, guarding, part=part, opening=opening)
        if hidden is not None:
            yield Intent(
                "shadowed-by-order",
                Result.WARN,
                Severity.MEDIUM,
                f"{part.cause} lets every source through before {hidden} could deny it",
                "Order the deny before the allow, or bound the allow by source.",
                space,
                (part.cause,),
            )
        else:
            yield Intent(
                "allowed-from-everywhere",
                Result.WARN,
                Severity.MEDIUM,
                f"{part.cause} lets every source through",
                "Bound the rule by source if the port is not meant for everyone.",
                space,
                (part.cause,),
            )


def _unbounded(judge: Judge, guarding: Guarding) -> Iterator[Part]:
    """What rules let through that say nothing of its source."""
    for part in _decided(guarding):
        rule = rule_of(judge.world, part.cause)
        if rule is not None and not bounds_source(rule):
            yield part


def _from_proxies(judge: Judge, guarding: Guarding) -> HeaderSpace:
    proxies = addresses_in(judge.settings.proxies, guarding.entry.family)
    return guarding.let_through.may.restrict(Field.SRC, proxies)


def _behind_proxies(judge: Judge, guarding: Guarding) -> Iterator[Intent]:
    from_them = _from_proxies(judge, guarding)
    if from_them:
        yield Intent(
            "behind-proxy",
            Result.WARN,
            Severity.INFO,
            f"rules let through {_sources(from_them)}: the port is reachable by whoever is behind "
            "these balancers, which hide their clients",
            "Restrict clients at the balancer.",
            from_them,
            _allows(guarding, from_them),
        )


def _shadowed(judge: Judge, guarding: Guarding, opening: Opening) -> Iterator[Intent]:
    """An Allow that names this port and never gets a packet, because a deny comes first."""
    met = {(part.cause.policy, part.cause.rule) for part in guarding.partition.parts}
    denied = guarding.partition.must(Decision.DENY)
    for policy, rule in _rules(judge, guarding):
        if rule.rule.action is not Action.ALLOW or not _names(rule, opening):
            continue
        meant = judge.world.matcher.match(rule, guarding.entry.family).space.may
        aimed = meant & guarding.partition.live.may
        if aimed and aimed <= denied and (policy.meta.ref, rule.index) not in met:
            first = next(part for part in _denials(guarding) if part.space.may & aimed)
            yield Intent(
                "shadowed-by-order",
                Result.WARN,
                Severity.MEDIUM,
                f"the allow of {policy.meta.ref.name} (rule {rule.index}) is never reached: "
                f"{first.cause} denies its packets before",
                "Give the allow a lower order than the deny.",
                aimed,
                (first.cause,),
            )


def _hidden(judge: Judge, guarding: Guarding) -> Iterator[HeaderSpace]:
    """For each Allow that names ports the packets to those of which it gets none, because all are denied."""
    denied = guarding.partition.must(Decision.DENY)
    sources = denied.project(Field.SRC)
    for _, rule in _rules(judge, guarding) if denied else ():
        if rule.rule.action is not Action.ALLOW or not rule.rule.destination.ports:
            continue
        meant = judge.world.matcher.match(rule, guarding.entry.family).space.may
        if not sources & meant.project(Field.SRC):
            continue  # as nearly all rules where few packets are asked about
        aimed = meant & guarding.partition.live.may
        reached = (aimed - denied).project(Field.DST_PORT)
        yield aimed.restrict(Field.DST_PORT, aimed.project(Field.DST_PORT) - reached)


def _names(rule: PolicyRule, opening: Opening) -> bool:
    """Whether a rule names the opening's port, rather than covering it among all others."""
    ports = [one for one in rule.rule.destination.ports if not one.name]
    first = opening.ports.ranges[0][0]
    if rule.rule.protocol != opening.protocol or not any(
        one.lo <= first <= one.hi for one in ports
    ):
        return False  # as nearly all rules of a long chain
    return opening.ports <= port_numbers(ports)


def _later_deny(judge: Judge, guarding: Guarding, *, part: Part, opening: Opening) -> str | None:
    """The deny rule after *part*'s that was written for packets of it, and would take them if first."""
    seen = False
    for policy, rule in _rules(judge, guarding):
        if seen and rule.rule.action is Action.DENY and _is_specific(rule, opening):
            match = judge.world.matcher.match(rule, guarding.entry.family)
            if match.space.must & part.space.may:
                return f"the deny of {policy.meta.ref.name} (rule {rule.index})"
        seen = seen or (policy.meta.ref, rule.index) == (part.cause.policy, part.cause.rule)
    return None


def _is_specific(rule: PolicyRule, opening: Opening) -> bool:
    """Whether a deny is for certain sources or for this port alone; one for the rest expects exceptions."""
    ports = rule.rule.destination.ports
    named = port_numbers(ports)
    return bounds_source(rule) or (bool(ports) and named <= opening.ports)


def _rules(judge: Judge, guarding: Guarding) -> Iterator[tuple[Policy, PolicyRule]]:
    """The rules of the guards that some of the packets can meet, in order."""
    world = judge.world
    for hook in (Hook.UNTRACKED, Hook.PRE_DNAT):
        endpoint = guarding.entry.gate.endpoint(world, hook)
        if endpoint is not None:
            chain = world.chain(endpoint, hook, Direction.INGRESS)
            for stretch in world.index(chain).meeting(guarding.partition.live.may):
                yield from stretch.lines


def _decided(guarding: Guarding) -> Iterator[Part]:
    return (
        part for part in guarding.partition.of(Decision.ALLOW) if part not in guarding.allow_all
    )


def _denials(guarding: Guarding) -> Iterator[Part]:
    return guarding.partition.of(Decision.DENY)


def _allows(guarding: Guarding, space: HeaderSpace) -> tuple[Cause, ...]:
    return tuple(part.cause for part in _decided(guarding) if part.space.may & space)


def _sources(space: HeaderSpace) -> str:
    found = cidrs(space.family, space.project(Field.SRC))
    more = f" and {len(found) - _CIDRS_SHOWN} more" if len(found) > _CIDRS_SHOWN else ""
    return ", ".join(found[:_CIDRS_SHOWN]) + more
