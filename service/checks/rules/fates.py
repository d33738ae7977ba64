"""What becomes of the packets that a rule means: does it meet any of them, and if not, what does.

A rule is never met only if that is sure: on every chain that has it, whatever is unknown.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, cast

from service.checks.rules.places import places
from service.model.rule import Action
from service.net.headerspace import HeaderSpace
from service.net.prefixes import Family
from service.policy.cause import Cause, Decision, Direction, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.checks.rules.places import Place
    from service.policy.convert import Policy, PolicyRule
    from service.policy.world import World

_DECIDING = {Action.ALLOW: Decision.ALLOW, Action.DENY: Decision.DENY}
_PLACES_LOOKED_AT = 16


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """A rule as it was written; Calico makes several of one of Kubernetes', which stand or fall together."""

    policy: Policy
    direction: Direction
    index: int
    pieces: tuple[PolicyRule, ...]

    @property
    def action(self) -> Action:
        """What it does."""
        return self.pieces[0].rule.action

    @property
    def label(self) -> str:
        """As in "ingress rule 0"."""
        return f"{self.direction} rule {self.index}"

    def space(self, world: World, family: Family) -> HeaderSpace:
        """The packets of *family* that it may match."""
        matches = (world.matcher.match(piece, family).space.may for piece in self.pieces)
        return HeaderSpace.union_all(family, matches)

    def surely(self, world: World, family: Family) -> HeaderSpace:
        """The packets of *family* that it surely matches."""
        matches = (world.matcher.match(piece, family).space.must for piece in self.pieces)
        return HeaderSpace.union_all(family, matches)


@dataclass(frozen=True, slots=True)
class Taken:
    """Packets of a rule that something else decides before it is asked."""

    place: Place
    decision: Decision
    cause: Cause
    space: HeaderSpace


@dataclass(frozen=True, slots=True)
class Unmet:
    """A rule that no packet ever meets, with what takes its packets."""

    written: Written
    taken: tuple[Taken, ...]

    @property
    def telling(self) -> tuple[Taken, ...]:
        """What takes its packets; failsafes only where nothing else does, for any wide rule means theirs."""
        others = tuple(one for one in self.taken if one.cause.reason is not Reason.FAILSAFE)
        return others or self.taken

    @property
    def contrary(self) -> tuple[Taken, ...]:
        """What decides otherwise than the rule would. A failsafe does not contradict an Allow."""
        action = self.written.action
        wanted = _DECIDING.get(action)
        return tuple(
            one
            for one in self.telling
            if one.decision is not wanted
            and not (action is Action.ALLOW and one.cause.reason is Reason.FAILSAFE)
        )

    @property
    def causes(self) -> tuple[Cause, ...]:
        """What takes its packets, each once."""
        return tuple(dict.fromkeys(one.cause for one in self.telling))


def written_rules(policy: Policy) -> Iterator[Written]:
    """The rules of a policy that are in effect, as they were written."""
    for direction in Direction:
        by_index: defaultdict[int, list[PolicyRule]] = defaultdict(list)
        for rule in policy.rules(direction):
            by_index[rule.index].append(rule)
        for index, pieces in by_index.items():
            yield Written(policy, direction, index, tuple(pieces))


def unmet(world: World) -> tuple[Unmet, ...]:
    """Every rule of *world* that never meets a packet though it means some, in order of policies.

    Each chain is walked once a family, and only while it has a rule that was not met elsewhere.
    """
    if "unmet rules" not in world.memo:
        world.memo["unmet rules"] = tuple(_unmet(world))
    return cast("tuple[Unmet, ...]", world.memo["unmet rules"])


_Key = tuple["Policy", Direction, int]


class _Search:
    """Which rules were met by some packet so far, and where the others mean some and meet none."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.met: set[_Key] = set()
        self.where: defaultdict[_Key, dict[tuple[Place, Family], None]] = defaultdict(dict)

    def look(self, place: Place, family: Family) -> None:
        """Walk *place*, unless each of its rules was met elsewhere."""
        direction = place.chain.direction
        pending = [
            (policy, rule)
            for policy, rule in place.rules()
            if (policy, direction, rule.index) not in self.met
        ]
        if not pending:
            return
        if not place.is_known:
            self.met.update((policy, direction, rule.index) for policy, rule in pending)
            return
        deciding = {
            (part.cause.policy, part.cause.rule)
            for part in place.fate(self.world, family).parts
            if part.cause.reason is Reason.RULE
        }
        twins = _twins(self.world, place, family)
        for policy, rule in pending:
            if not self.world.matcher.match(rule, family).space.may:
                continue
            key = (policy, direction, rule.index)
            identity = (policy.meta.ref, rule.index)
            is_met = rule not in twins and (
                identity in deciding
                if rule.rule.action in _DECIDING
                else self._would_meet(place, rule, family=family, identity=identity)
            )
            if is_met:
                self.met.add(key)
            else:
                self.where[key][place, family] = None

    def _would_meet(
        self, place: Place, rule: PolicyRule, *, family: Family, identity: tuple[object, int]
    ) -> bool:
        """Log and Pass decide nothing that a partition shows: were it an Allow, would it meet something?"""
        parts = place.fate_if_allowing(self.world, rule, family).parts
        return any(
            (part.cause.policy, part.cause.rule) == identity and part.cause.reason is Reason.RULE
            for part in parts
        )


def _unmet(world: World) -> Iterator[Unmet]:
    search = _Search(world)
    for family in Family:
        for place in places(world):
            if place.sees(family):
                search.look(place, family)
    for policy in world.policies:
        for written in written_rules(policy):
            key = (policy, written.direction, written.index)
            if key not in search.met and key in search.where:
                where = islice(search.where[key], _PLACES_LOOKED_AT)
                taken = tuple(_taken(world, written, where))
                if taken:
                    yield Unmet(written, taken)


def _twins(
    world: World, place: Place, family: Family
) -> dict[PolicyRule, tuple[Policy, PolicyRule]]:
    """The rules whose criteria an earlier one has, which so takes their packets whatever they are.

    Asked only of those whose packets are known within bounds: elsewhere the sets themselves tell.
    """
    first: dict[object, tuple[Policy, PolicyRule]] = {}
    found: dict[PolicyRule, tuple[Policy, PolicyRule]] = {}
    for policy, rule in place.rules():
        if rule.rule.action is Action.LOG or world.matcher.match(rule, family).space.is_exact:
            continue
        earlier = first.setdefault(_criteria(rule), (policy, rule))
        if earlier[1] is not rule:
            found[rule] = earlier
    return found


def _criteria(rule: PolicyRule) -> object:
    """What a rule asks of packets, in whatever policy it stands."""
    bare = replace(rule.rule, action=Action.ALLOW, pointer="", line=0)
    sides = (rule.source, rule.destination)
    return bare, *((side.rule, side.positive, side.negative) for side in sides)


def _taken(
    world: World, written: Written, where: Iterable[tuple[Place, Family]]
) -> Iterator[Taken]:
    for place, family in where:
        twins = _twins(world, place, family)
        for piece in written.pieces:
            space = world.matcher.match(piece, family).space.may
            if piece in twins:
                yield from _by_twin(place, twins[piece], space)
                continue
            for part in place.fate(world, family).parts:
                common = space & (part.space.must or part.space.may)
                if common:
                    yield Taken(place, part.decision, part.cause, common)


def _by_twin(place: Place, twin: tuple[Policy, PolicyRule], space: HeaderSpace) -> Iterator[Taken]:
    policy, rule = twin
    cause = Cause(
        Reason.RULE,
        place.chain.hook,
        place.chain.direction,
        tier=policy.tier,
        policy=policy.meta.ref,
        rule=rule.index,
        location=policy.meta.location.at(rule.rule.pointer),
    )
    decision = _DECIDING.get(rule.rule.action, Decision.UNDECIDED)
    yield Taken(place, decision, cause, space)
