"""Why a node port is not guarded: from the packets nobody decides to the mistake behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from service.checks.nodeport.guard import policeable
from service.checks.nodeport.openings import ranges_text
from service.checks.nodeport.question import OPENING
from service.checks.nodeport.standins import covers, guards_others, ports_cover, stand_in
from service.errors import SelectorError
from service.model.kinds.global_network_policy import GlobalNetworkPolicy
from service.model.rule import Action
from service.net.flow import protocol_name
from service.net.headerspace import Field
from service.net.intervals import IntervalSet
from service.policy.cause import Direction, Hook, Reason
from service.policy.convert import global_policy
from service.policy.facts import Facts
from service.policy.match import applies_to_family

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from service.checks.nodeport.guard import Guarding
    from service.checks.nodeport.openings import Opening
    from service.model.kinds.host_endpoint import HostEndpoint
    from service.model.meta import Decoded
    from service.policy.cause import Cause
    from service.policy.convert import Policy, PolicyRule
    from service.policy.entries import Entry
    from service.policy.world import World


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A reason code, what is the case, and what to do. ``causes`` are the rules that it rests on."""

    reason: str
    because: str
    advice: str
    causes: tuple[Cause, ...] = ()


NOT_POLICEABLE = Diagnosis(
    "not-policeable",
    "Calico has no host endpoints on Windows",
    "Keep the node out of nodes.exposed and guard it outside the cluster.",
)


def diagnose(world: World, guarding: Guarding, opening: Opening) -> Diagnosis:
    """The first of the known mistakes that explains why *guarding* leaves packets to *opening*."""
    if not policeable(world, guarding.entry.node):
        return NOT_POLICEABLE
    if guarding.entry.gate.named is None and guarding.entry.gate.wildcard is None:
        return _no_endpoint(world, guarding.entry)
    if not guarding.harm.must:
        return _unknown(guarding)
    failsafe = tuple(
        part.cause for part in guarding.partition.parts if part.cause.reason is Reason.FAILSAFE
    )
    if failsafe:
        return Diagnosis(
            "failsafe",
            "the port is a failsafe port, which passes before any policy",
            "Take another port, or take this one out of failsafeInboundHostPorts.",
            failsafe,
        )
    if guarding.allow_all:
        causes = tuple(part.cause for part in guarding.allow_all)
        return Diagnosis(
            "allow-all",
            f"{causes[0]} allows every source and every port",
            "Bound the rule by source, or by protocol and port, and end with a deny.",
            causes,
        )
    return _from_failsafe_ports(world, guarding, opening) or _policies(world, guarding, opening)


def _from_failsafe_ports(world: World, guarding: Guarding, opening: Opening) -> Diagnosis | None:
    """What untracked policy leaves alone for its source port, if that is all the harm.

    Source: felix/rules/static.go (failsafeInChain of the raw table).
    """
    felix = world.felix(guarding.entry.node)
    ports = IntervalSet.of(
        *(
            (one.port, one.port)
            for one in felix.failsafe_outbound
            if one.protocol == opening.protocol
        )
    )
    if not guarding.harm.may.project(Field.SRC_PORT) <= ports:
        return None
    return Diagnosis(
        "failsafe",
        f"untracked policy does not see what comes from source port {ranges_text(ports)}, outbound "
        "failsafe ports: whoever chooses one gets in",
        "Deny the port by preDNAT policy as well, to which source ports make no difference.",
    )


def _no_endpoint(world: World, entry: Entry) -> Diagnosis:
    refused = [one.ref.name for one in refused_objects(world) if one.ref.kind == "HostEndpoint"]
    others = [hep.meta.ref.name for hep in world.endpoints(entry.node).active]
    because = "no host endpoint governs it"
    if others:
        because = f"none of its host endpoints ({', '.join(others)}) governs {_place(entry)}"
    if refused:
        because += f" (HostEndpoint {', '.join(refused)} is not in effect)"
    return Diagnosis(
        "node-without-host-endpoint",
        because,
        "Create a host endpoint for every node and interface, or turn on automatic host endpoints.",
    )


def _unknown(guarding: Guarding) -> Diagnosis:
    why = "; ".join(guarding.partition.unknown()) or "some facts are missing"
    return Diagnosis(
        "unknown",
        f"it is not known whether a rule decides ({why})",
        "Give the facts, or end with a deny that does not rest on them.",
    )


def _place(entry: Entry) -> str:
    return f"interface {entry.interface}" if entry.interface else "this address"


def _policies(world: World, guarding: Guarding, opening: Opening) -> Diagnosis:
    """The mistakes that lie in the policies: none selects, one is discarded, or one falls short."""
    policies = tuple(_governing(world, guarding.entry))
    denials = tuple(_rules(policies, Action.DENY))
    discarded = _discarded(world, guarding.entry)
    short = _falls_short(guarding, opening, denials)
    if discarded is not None and short is None:
        return discarded
    if short is not None:
        return short
    if not policies:
        return _no_policy(world, guarding.entry, opening) or _nothing_selects(world, guarding.entry)
    names = ", ".join(policy.meta.ref.name for policy in policies)
    because = f"some sources are allowed ({names}), and nothing denies the rest"
    if denials:
        because = f"some sources are denied ({names}), and all others pass"
    return Diagnosis(
        "no-trailing-deny",
        because,
        "preDNAT policy has no default deny: end with a preDNAT policy that denies the port.",
    )


def _governing(world: World, entry: Entry) -> Iterator[Policy]:
    for hook in (Hook.UNTRACKED, Hook.PRE_DNAT):
        endpoint = entry.gate.endpoint(world, hook)
        if endpoint is not None:
            for tier in world.resolve(endpoint, hook, Direction.INGRESS):
                yield from tier.policies


def _rules(policies: tuple[Policy, ...], action: Action) -> Iterator[tuple[Policy, PolicyRule]]:
    for policy in policies:
        for rule in policy.rules(Direction.INGRESS):
            if rule.rule.action is action:
                yield policy, rule


def _falls_short(
    guarding: Guarding, opening: Opening, denials: tuple[tuple[Policy, PolicyRule], ...]
) -> Diagnosis | None:
    """The criterion but for which a deny rule would have guarded the port."""
    family = guarding.entry.family
    for reason, falls_short in _NEAR_MISSES:
        for policy, rule in denials:
            because = falls_short(rule, guarding, opening)
            if because:
                name = policy.meta.ref.name
                return Diagnosis(
                    reason,
                    f"the deny of {name} (rule {rule.index}) {because}",
                    f"Deny {OPENING} for IPv{family} as well.",
                )
    return None


def _other_family(rule: PolicyRule, guarding: Guarding, opening: Opening) -> str:
    if applies_to_family(rule, guarding.entry.family) or not covers(rule, opening):
        return ""
    return f"does not apply to IPv{guarding.entry.family}"


def _other_protocol(rule: PolicyRule, guarding: Guarding, opening: Opening) -> str:
    meant = rule.rule.protocol
    if meant in {None, opening.protocol} or not applies_to_family(rule, guarding.entry.family):
        return ""
    if not ports_cover(rule, opening) or not _broad(rule):
        return ""
    return f"is for {protocol_name(meant or 0)} only"


def _other_port(rule: PolicyRule, guarding: Guarding, opening: Opening) -> str:
    if not applies_to_family(rule, guarding.entry.family) or not _broad(rule):
        return ""
    if rule.rule.protocol not in {None, opening.protocol} or ports_cover(rule, opening):
        return ""
    ports = ", ".join(str(port) for port in rule.rule.destination.ports)
    return f"is for {'port' if len(rule.rule.destination.ports) == 1 else 'ports'} {ports} only"


_NEAR_MISSES: tuple[tuple[str, Callable[[PolicyRule, Guarding, Opening], str]], ...] = (
    ("family-open", _other_family),
    ("protocol-open", _other_protocol),
    ("port-open", _other_port),
)


def _broad(rule: PolicyRule) -> bool:
    """Whether a deny means sources in general and not a few."""
    return rule.source.positive is None and all(net.length == 0 for net in rule.rule.source.nets)


def _discarded(world: World, entry: Entry) -> Diagnosis | None:
    endpoint = entry.gate.named or entry.gate.wildcard
    for one in refused_objects(world):
        gnp = one.obj
        if not isinstance(gnp, GlobalNetworkPolicy):
            continue
        if (gnp.pre_dnat or gnp.do_not_track) and _would_select(world, gnp, endpoint):
            return Diagnosis(
                "policy-discarded",
                f"GlobalNetworkPolicy {one.ref.name} is not in effect: {_why(one)}",
                "Mend the policy: as it stands it guards nothing.",
            )
    return None


def refused_objects(world: World) -> tuple[Decoded[object], ...]:
    """The objects that are not in effect, because somebody refuses or drops them; looked up once."""
    key = "refused objects"
    if key not in world.memo:
        world.memo[key] = tuple(one for one in world.snapshot.problems() if not one.in_effect)
    return cast("tuple[Decoded[object], ...]", world.memo[key])


def _why(one: Decoded[object]) -> str:
    problem = next(iter(one.problems))
    return problem.message


def _would_select(world: World, gnp: GlobalNetworkPolicy, endpoint: HostEndpoint | None) -> bool:
    """Whether a discarded policy was meant for *endpoint*; one whose selector does not parse may be."""
    try:
        policy = global_policy(gnp)
    except SelectorError:
        return True
    return endpoint is not None and policy.selects(world.labels(endpoint))


def _no_policy(world: World, entry: Entry, opening: Opening) -> Diagnosis | None:
    """That nobody wrote a policy that could guard a host endpoint; None where one selects others."""
    endpoint = entry.gate.named or entry.gate.wildcard
    if endpoint is None or guards_others(world, endpoint):
        return None
    why = stand_in(world, endpoint, opening)
    return Diagnosis(
        "no-policy",
        "no preDNAT policy is in effect" + (f": {why}" if why else ""),
        "Write a preDNAT policy for the host endpoints: allow the port from the sources that need it, then "
        "deny it.",
    )


def _nothing_selects(world: World, entry: Entry) -> Diagnosis:
    endpoint = entry.gate.named or entry.gate.wildcard
    name = endpoint.meta.ref.name if endpoint else entry.node
    labels = labels_text(world.labels(endpoint)) if endpoint else "none"
    because = f"no preDNAT policy selects host endpoint {name} (labels: {labels})"
    idle = idle_policies(world)
    if idle:
        because += f"; {idle_text(world, idle)}"
    return Diagnosis(
        "selects-nothing",
        because,
        "Make the policy's selector and the host endpoint's labels agree.",
    )


def idle_policies(world: World) -> tuple[Policy, ...]:
    """The untracked and preDNAT policies that select no host endpoint at all; looked up once."""
    known = world.facts(Facts.POLICY)
    key = "idle policies"
    if key not in known:
        used = {
            policy
            for hep in world.kinds_of_heps
            for hook in (Hook.UNTRACKED, Hook.PRE_DNAT)
            for direction in Direction
            for tier in world.resolve(hep, hook, direction)
            for policy in tier.policies
        }
        known[key] = tuple(
            policy
            for policy in world.policies
            if policy.hook is not Hook.NORMAL and policy not in used
        )
    return cast("tuple[Policy, ...]", known[key])


def idle_text(world: World, policies: tuple[Policy, ...]) -> str:
    """What policies that select nothing ask for, and the endpoints' labels that they miss."""
    asked = "; ".join(
        f"{policy.meta.ref.name} selects {policy.applies_to.canonical()}"
        for policy in policies
        if policy.applies_to is not None
    )
    labels = {
        one.ref.name: labels_text(one.meta.labels)
        for one in world.snapshot.decoded()
        if one.ref.kind == "HostEndpoint"
    }
    shown = ", ".join(f"{name} ({text})" for name, text in sorted(labels.items())[:3])
    return f"{asked}, and no host endpoint matches" + (f"; there are: {shown}" if shown else "")


def labels_text(labels: Mapping[str, str]) -> str:
    """Labels as "a=b, c=d"; "none" of none."""
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "none"
