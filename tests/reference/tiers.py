"""The order of policies and the algorithm that walks them.

Semantics: "Evaluation order". Source: felix/calc/{policy_sorter,policy_resolver}.go,
felix/rules/{endpoints,policy}.go.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from tests.reference import selector as sel
from tests.reference.endpoints import Endpoint, Profile
from tests.reference.policies import Category, Policy, Raw, Rule

DEFAULT_ORDER = 1_000_000


@dataclass(frozen=True, slots=True)
class Tier:
    """Some policies of one tier, in order, and what its end means."""

    name: str
    denies_at_end: bool
    policies: tuple[Policy, ...]


Matches = Callable[[Rule], bool]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What tiers or profiles say of a packet, and by which rule."""

    action: str
    reason: str
    tier: str = ""
    policy: str = ""
    rule: int | None = None


def in_tiers(policies: Iterable[Policy], tiers: list[Raw]) -> tuple[Tier, ...]:
    """The policies by tier: valid tiers by order and name, then missing ones by name."""
    specs = {tier["metadata"]["name"]: tier.get("spec") or {} for tier in tiers}
    grouped: dict[str, list[Policy]] = {}
    for policy in policies:
        grouped.setdefault(policy.tier, []).append(policy)

    def position(name: str) -> tuple[bool, float, bytes]:
        order = specs.get(name, {}).get("order")
        return name not in specs, DEFAULT_ORDER if order is None else order, name.encode()

    return tuple(
        Tier(
            name,
            denies_at_end=specs.get(name, {}).get("defaultAction") != "Pass",
            policies=tuple(
                sorted(grouped[name], key=lambda one: (one.order, one.tie_break.encode()))
            ),
        )
        for name in sorted(grouped, key=position)
    )


def judge(
    tiers: tuple[Tier, ...], direction: str, matches: Callable[[Rule], bool]
) -> Ruling | None:
    """The ruling of the tiers on a packet in one direction; None where they leave it open.

    `matches` tells of a rule whether it matches the packet.
    """
    for tier in tiers:
        live = [one for one in tier.policies if direction in one.directions and not one.staged]
        if not live:
            continue
        found = _first_match(tier, live, direction, matches)
        if found is None and tier.denies_at_end:
            return Ruling("Deny", "end-of-tier", tier.name)
        if found is not None and found.action != "Pass":
            return found
    return None


def _first_match(
    tier: Tier, policies: list[Policy], direction: str, matches: Callable[[Rule], bool]
) -> Ruling | None:
    """The ruling of the first rule that matches and does not merely log."""
    for policy in policies:
        for rule in policy.rules[direction]:
            if rule.action != "Log" and matches(rule):
                return Ruling(rule.action, "rule", tier.name, policy.full_name, rule.index)
    return None


def judge_profiles(
    names: Iterable[str], known: Mapping[str, Profile], direction: str, matches: Matches
) -> Ruling:
    """The first profile that decides; one that does not exist drops, as does the end.

    Pass leaves a profile as if none of its rules matched.
    """
    for name in names:
        if name not in known:
            return Ruling("Deny", "profile", policy=name)
        if known[name].allows:
            return Ruling("Allow", "profile", policy=name)
        rules = known[name].rules.get(direction, ())
        hit = next((one for one in rules if one.action != "Log" and matches(one)), None)
        if hit and hit.action != "Pass":
            return Ruling(hit.action, "profile", policy=name, rule=hit.index)
    return Ruling("Deny", "profile")


@dataclass(frozen=True, slots=True)
class Attached:
    """The policies of one endpoint, in the lists that Felix keeps of them."""

    untracked: tuple[Tier, ...]
    pre_dnat: tuple[Tier, ...]
    normal: tuple[Tier, ...]
    forward: tuple[Tier, ...]


def attach(endpoint: Endpoint, policies: list[Policy], tiers: list[Raw]) -> Attached:
    """The lists of an endpoint; those of a workload but the normal one stay unused."""
    mine = [policy for policy in policies if sel.matches(policy.selector, endpoint.labels)]

    def of(category: Category) -> list[Policy]:
        return [policy for policy in mine if policy.category is category]

    return Attached(
        untracked=_open_ended(in_tiers(of(Category.UNTRACKED), tiers)),
        pre_dnat=_open_ended(in_tiers(of(Category.PRE_DNAT), tiers)),
        normal=in_tiers(of(Category.NORMAL), tiers),
        forward=in_tiers([policy for policy in of(Category.NORMAL) if policy.forward], tiers),
    )


def _open_ended(tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    """The tiers without a denial at their end: untracked and preDNAT policies have none."""
    return tuple(replace(tier, denies_at_end=False) for tier in tiers)
