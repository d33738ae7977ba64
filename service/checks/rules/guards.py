"""The guards before hosts as a whole, and the holes in them: untracked and preDNAT policy on the way in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from service.checks.rules.fates import unmet, written_rules
from service.model.rule import Action
from service.net.flow import PORT_PROTOCOLS
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.cause import Direction, Hook
from service.policy.felix import DEFAULT_VIEW
from service.policy.gates import Gate
from service.policy.hooks import Chain, evaluate, in_tiers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.rules.fates import Written
    from service.policy.convert import Policy, PolicyRule
    from service.policy.partition import Partition
    from service.policy.world import World

GUARDS = (Hook.UNTRACKED, Hook.PRE_DNAT)


@dataclass(frozen=True, slots=True)
class Guard:
    """What untracked and preDNAT policy together make of every packet of one family at alike endpoints."""

    owners: tuple[str, ...]
    family: Family
    partition: Partition


@dataclass(frozen=True, slots=True)
class Pinhole:
    """An Allow in the guards, and what it lets through that has ports, of each family that it is for."""

    written: Written
    rule: PolicyRule
    opens: tuple[HeaderSpace, ...]

    def sources(self, space: HeaderSpace) -> IntervalSet:
        """The sources of *space*."""
        return space.project(Field.SRC)


def guards(world: World) -> tuple[Guard, ...]:
    """The guards of *world*, one for endpoints that are alike; then those that no endpoint has.

    Where manifests hold policies and no endpoints, all preDNAT policies that select none count as one set.
    """
    if "guards" not in world.memo:
        world.memo["guards"] = (*_of_endpoints(world), *_of_nobody(world))
    return cast("tuple[Guard, ...]", world.memo["guards"])


def _of_endpoints(world: World) -> Iterator[Guard]:
    groups: dict[tuple[int, ...], list[tuple[str, Gate]]] = {}
    for node in world.node_names:
        endpoints = world.endpoints(node)
        for hep in endpoints.active:
            is_wildcard = hep is endpoints.wildcard
            gate = Gate(None if is_wildcard else hep, endpoints.wildcard)
            key = tuple(_identity(world, gate, hook) for hook in GUARDS)
            groups.setdefault(key, []).append((hep.meta.ref.name, gate))
    for members in groups.values():
        for family in Family:
            live = Bounds.exact(HeaderSpace.everything(family))
            names = tuple(sorted(name for name, _ in members))
            yield Guard(names, family, members[0][1].guard(world, live))


def _identity(world: World, gate: Gate, hook: Hook) -> int:
    endpoint = gate.endpoint(world, hook)
    return 0 if endpoint is None else id(world.chain(endpoint, hook, Direction.INGRESS))


def _of_nobody(world: World) -> Iterator[Guard]:
    idle = tuple(
        policy
        for policy in world.policies
        if policy.hook is Hook.PRE_DNAT
        and not any(policy.selects(world.labels(hep)) for hep in world.heps)
    )
    if not idle:
        return
    chain = Chain(Hook.PRE_DNAT, Direction.INGRESS, in_tiers(idle, {}), DEFAULT_VIEW, ())
    for family in Family:
        live = Bounds.exact(HeaderSpace.everything(family))
        yield Guard((), family, evaluate(chain, live, matcher=world.matcher, namespaces=()))


def pinholes(world: World) -> tuple[Pinhole, ...]:
    """The Allow rules of untracked and preDNAT policies that let anything with ports in to a host.

    Rules that never meet a packet let nothing in.
    """
    if "pinholes" not in world.memo:
        idle = {(id(one.written.policy), one.written.index) for one in unmet(world)}
        found = (one for policy in world.policies for one in _pinholes(world, policy))
        world.memo["pinholes"] = tuple(
            one for one in found if (id(one.written.policy), one.written.index) not in idle
        )
    return cast("tuple[Pinhole, ...]", world.memo["pinholes"])


def _pinholes(world: World, policy: Policy) -> Iterator[Pinhole]:
    if policy.hook not in GUARDS:
        return
    for written in written_rules(policy):
        if written.action is Action.ALLOW and written.direction is Direction.INGRESS:
            rule = written.pieces[0]
            spaces = (_with_ports(world, rule, family) for family in Family)
            opens = tuple(space for space in spaces if space)
            if opens:
                yield Pinhole(written, rule, opens)


def _with_ports(world: World, rule: PolicyRule, family: Family) -> HeaderSpace:
    ports = HeaderSpace.union_all(
        family,
        (
            HeaderSpace.box(family, {Field.PROTOCOL: IntervalSet.single(protocol)})
            for protocol in sorted(PORT_PROTOCOLS)
        ),
    )
    return world.matcher.match(rule, family).space.must & ports
