"""What would guard a Service for chosen sources: the smallest set of objects, tried out before it is shown.

docs/suggest.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from service.checks.exposure import exposures
from service.checks.fix import applied, known_before, summary, text
from service.checks.mending.edits import spec, written
from service.checks.mending.rules import order_before
from service.checks.nodeport.guard import policeable
from service.checks.nodeport.openings import openings
from service.checks.nodeport.remedy import NODES_LIMIT, host_endpoint, whole
from service.checks.rules.insiders import outsiders
from service.checks.run import judged
from service.checks.verdict import Result
from service.errors import NotFoundError
from service.model.kinds.k8s_service import Service
from service.model.refs import CALICO_V3, ObjectRef
from service.model.rule import Action
from service.net.flow import protocol_name
from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, Prefix, addresses_in, cidrs
from service.policy.cause import Decision, Direction, Hook

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.checks.exposure import Exposure
    from service.checks.mending.edits import Raw
    from service.checks.nodeport.openings import Opening
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json
    from service.policy.convert import Policy
    from service.policy.world import World

_API_VERSION = "projectcalico.org/v3"
_NAME_LIMIT = 50
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The objects that guard a Service for some sources; none where it is guarded for them already.

    ``also`` are outsiders that other rules let in besides, which no new object could keep out.
    ``refused`` says why nothing can be suggested; then there are no objects.
    """

    service: str
    sources: tuple[str, ...]
    summary: str = ""
    objects: tuple[Raw, ...] = ()
    also: tuple[str, ...] = ()
    refused: str = ""

    def to_json(self) -> dict[str, Json]:
        """As every door tells it."""
        return {
            "service": self.service,
            "sources": [*self.sources],
            "summary": self.summary,
            "yaml": text(self.objects) if self.objects else "",
            "also": [*self.also],
            "refused": self.refused,
        }


def service_ref(name: str) -> ObjectRef:
    """The Service called *name*, "namespace/name", or "name" in namespace default."""
    namespace, _, own = name.rpartition("/")
    return ObjectRef("", "Service", namespace or "default", own)


def suggest(
    world: World, settings: CheckSettings, service: ObjectRef, *, sources: Iterable[Prefix]
) -> Suggestion:
    """What guards the node ports of *service* for *sources*, on the nodes as they are.

    Each candidate is applied and judged: every source of *sources* gets in on every node, everybody else
    is denied but for nodes, pods and whom nothing new can keep out, and no check finds anything new.

    Raises: NotFoundError for no such Service.
    """
    found = world.snapshot.all(Service).get(service)
    if found is None:
        raise NotFoundError(f"there is no {service}")
    asked = _Asked(world, settings, found, tuple(sources))
    refused = asked.hindrance()
    holding: list[Suggestion] = []
    for objects in () if refused else asked.candidates():
        told, why = asked.tried(objects)
        if told is not None and not told.also:
            return told
        holding += [told] if told is not None else []
        refused = why
    # None keeps out whom others let in: the smallest that holds, with that told.
    return holding[0] if holding else replace(asked.answer(), refused=refused)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question, with what is tried for it."""

    world: World
    settings: CheckSettings
    service: Service
    sources: tuple[Prefix, ...]

    @property
    def ports(self) -> tuple[Opening, ...]:
        """The node ports; the port of health checks is kube-proxy's own, and a balancer's to ask."""
        return tuple(one for one in openings(self.service, self.settings) if not one.health)

    def answer(self) -> Suggestion:
        """The answer that suggests nothing yet."""
        ref = self.service.meta.ref
        return Suggestion(f"{ref.namespace}/{ref.name}", tuple(map(str, self.sources)))

    def hindrance(self) -> str:
        """Why nothing can be suggested, whatever is tried; "" where there is no such reason."""
        if not self.sources:
            return "no source is named"
        if not self.ports:
            return "the Service opens no node port"
        if not all(one.allocated for one in self.ports):
            return "a node port of the Service is not allocated yet"
        return "" if self.world.nodes else "no Node is known: give the Node objects too"

    def candidates(self) -> list[tuple[Raw, ...]]:
        """Sets of objects, the smallest first: nothing, endpoints, an allow, an allow that ends in a deny."""
        endpoints = self._endpoints()
        policies = ((), (self._policy(with_deny=False),), (self._policy(with_deny=True),))
        sets: list[tuple[Raw, ...]] = [*policies]
        if endpoints:
            sets += [(*endpoints, *policy) for policy in policies]
        return sorted(sets, key=len)

    def _endpoints(self) -> tuple[Raw, ...]:
        """Host endpoints for the nodes that lack one, singly or by Calico's controller."""
        lacking = sorted(
            {
                node
                for one in self._exposures(self.world)
                for node in one.nodes
                if one.entry.gate.named is None and one.entry.gate.wildcard is None
                if policeable(self.world, node)
            }
        )
        if len(lacking) > NODES_LIMIT:
            return (self._automatic(),)
        return tuple(host_endpoint(self.world, node) for node in lacking)

    def _automatic(self) -> Raw:
        ref = ObjectRef(CALICO_V3, "KubeControllersConfiguration", "", "default")
        raw = written(self.world, ref) or {
            "apiVersion": _API_VERSION,
            "kind": ref.kind,
            "metadata": {"name": ref.name},
        }
        inner = spec(raw)
        for key in ("controllers", "node", "hostEndpoint"):
            below = inner.setdefault(key, {})
            inner = below if isinstance(below, dict) else {}
        inner["autoCreate"] = "Enabled"
        return raw

    def _policy(self, *, with_deny: bool) -> Raw:
        rules: list[Json] = []
        for opening in self.ports:
            for family in Family:
                nets: list[Json] = [str(one) for one in self.sources if one.family is family]
                if nets:
                    rules.append(self._rule("Allow", opening, nets))
        if with_deny:
            rules += [self._rule("Deny", opening, None) for opening in self.ports]
        first = self._deciding()
        order = order_before(self.world, first) if first else None
        tier = first[0].tier if first else "default"
        kind = "guard" if with_deny else "allow"
        ref = self.service.meta.ref
        return {
            "apiVersion": _API_VERSION,
            "kind": "GlobalNetworkPolicy",
            "metadata": {"name": _policy_name(self.world, f"{kind}-{ref.namespace}-{ref.name}")},
            "spec": {
                **({} if tier == "default" else {"tier": tier}),
                "order": 100 if order is None else whole(order),
                "selector": "all()",
                "preDNAT": True,
                "applyOnForward": True,
                "types": ["Ingress"],
                "ingress": rules,
            },
        }

    def _rule(self, action: str, opening: Opening, nets: list[Json] | None) -> Raw:
        ports: list[Json] = [lo for lo, _ in opening.ports]
        source: Raw = {} if nets is None else {"source": {"nets": nets}}
        return {
            "action": action,
            "protocol": protocol_name(opening.protocol),
            **source,
            "destination": {"ports": ports},
        }

    def _deciding(self) -> list[Policy]:
        """The first preDNAT policies of a tier that deny any packet to the node ports."""
        found: list[Policy] = []
        for policy in self.world.policies:
            if policy.hook is Hook.PRE_DNAT and self._denies(policy):
                if found and policy.tier != found[0].tier:
                    break
                found.append(policy)
        return found

    def _denies(self, policy: Policy) -> bool:
        return any(
            bool(self.world.matcher.match(rule, family).space.may & opening.packets(family).may)
            for rule in policy.rules(Direction.INGRESS)
            if rule.rule.action in {Action.DENY, Action.PASS}
            for opening in self.ports
            for family in Family
        )

    def _exposures(self, world: World) -> Iterator[Exposure]:
        every = exposures(world, self.settings, self.service)
        return (one for one in every if not one.opening.health)

    def tried(self, objects: tuple[Raw, ...]) -> tuple[Suggestion | None, str]:
        """The suggestion of *objects* if it holds, else None and what is amiss."""
        after = applied(self.world, objects)
        if after is None:
            return None, "the objects that would guard it are refused"
        also: set[str] = set()
        for one in self._exposures(after):
            amiss = self._amiss(one)
            if amiss:
                return None, amiss
            also.update(self._others(one))
        known = known_before(
            self.world,
            objects,
            self.settings,
            every=lambda world: judged(world, self.settings),
        )
        for verdict in judged(after, self.settings):
            if verdict.result is not Result.PASS and verdict.fingerprint not in known:
                return None, f"it would bring a new finding: {verdict.check}: {verdict.message}"
        told = summary(self.world, objects) if objects else "nothing to add"
        answer = replace(self.answer(), summary=told, objects=objects, also=tuple(sorted(also)))
        return answer, ""

    def _amiss(self, one: Exposure) -> str:
        """What is not as wanted at one entry; "" where all is."""
        family = one.entry.family
        packets = one.partition.live.may.restrict(Field.DST, one.entry.addresses)
        wanted = packets.restrict(Field.SRC, addresses_in(self.sources, family))
        let_in = one.partition.must(Decision.ALLOW)
        where = f"{one.opening.label} (IPv{family}) on {', '.join(one.nodes[:_SHOWN])}"
        if one.partition.unknown():
            return f"{where}: {one.partition.unknown()[0]}"
        if not wanted <= let_in:
            refused = wanted - let_in
            return f"{where} would not let in {_sources(refused)}"
        rest = packets - let_in - one.partition.must(Decision.DENY)
        trusted = addresses_in(self.settings.trusted, family)
        left = rest - HeaderSpace.box(family, {Field.SRC: trusted})
        return f"{where} would stay open to {_sources(left)}" if left else ""

    def _others(self, one: Exposure) -> list[str]:
        """The outsiders besides those wanted that rules let in; the whole family where it is everyone."""
        family = one.entry.family
        let_in = one.partition.may(Decision.ALLOW).project(Field.SRC)
        mine = addresses_in((*self.sources, *self.settings.trusted), family)
        if IntervalSet.of((0, family.max_address)) <= let_in and let_in - mine:
            return [str(Prefix(family, 0, family.max_address))]
        return [*cidrs(family, outsiders(self.world, let_in - mine, family))]


def _policy_name(world: World, name: str) -> str:
    """*name*, short enough, and with a number where a policy of that name is there."""
    short = name[:_NAME_LIMIT].rstrip("-.")
    taken = {policy.meta.ref.name for policy in world.policies}
    numbered = (f"{short}-{number}" for number in range(2, len(taken) + 3))
    return next(one for one in (short, *numbered) if one not in taken)


def _sources(space: HeaderSpace) -> str:
    listed = cidrs(space.family, space.project(Field.SRC))
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
