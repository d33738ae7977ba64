"""What policies let one workload send to another: by addresses where both are known, else by labels.

Where pods are not there, a rule that selects by labels is judged by the labels that their template gives
them, and one that names networks is known within bounds only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.kinds.network_set import NetworkSet
from service.model.rule import port_numbers
from service.net.flow import PORT_PROTOCOLS
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.cause import Decision, Direction
from service.policy.hooks import evaluate
from service.policy.match import Match, Matcher, applies_to_family, header_criteria

if TYPE_CHECKING:
    from service.checks.workload.parties import Party
    from service.model.rule import Port
    from service.model.selector import Selector
    from service.policy.convert import Entity, PolicyRule
    from service.policy.partition import Partition
    from service.policy.world import World

_UNKNOWN = ("the addresses of pods are not known",)


@dataclass(frozen=True, slots=True)
class Call:
    """The packets of one family from a caller to somebody called."""

    world: World
    caller: Party
    called: Party
    family: Family

    @property
    def live(self) -> Bounds:
        """All of its packets; where addresses are not known, those of any."""
        fields = {}
        if self.by_address:
            fields = {
                Field.SRC: self.caller.addresses(self.family),
                Field.DST: self.called.addresses(self.family),
            }
        return Bounds.exact(HeaderSpace.box(self.family, fields))

    @property
    def by_address(self) -> bool:
        """Whether the addresses of both are known."""
        return bool(self.caller.addresses(self.family) and self.called.addresses(self.family))

    def sent(self) -> Partition:
        """What the caller's own policies make of them."""
        return self._at(self.caller, Direction.EGRESS)

    def received(self) -> Partition:
        """What the policies of who is called make of them."""
        return self._at(self.called, Direction.INGRESS)

    def meant_by(self, rule: PolicyRule) -> Bounds:
        """Those of its packets that *rule* matches."""
        return self.live & self._matcher().match(rule, self.family).space

    def allowed(self) -> Bounds:
        """Those that get through."""
        sent = self.sent().bounds(Decision.ALLOW)
        return sent & self.received().bounds(Decision.ALLOW)

    def _at(self, party: Party, direction: Direction) -> Partition:
        if self.by_address:
            return self.world.evaluate_workload(party.endpoint, self.live, direction)
        chain = self.world.workload_chain(party.endpoint, direction)
        namespaces = (party.namespace,)
        return evaluate(chain, self.live, matcher=self._matcher(), namespaces=namespaces)

    def _matcher(self) -> Matcher:
        return self.world.matcher if self.by_address else _ByLabels(self)


def call(world: World, caller: Party, called: Party) -> Call:
    """The call between two parties: in a family that both have, IPv4 where nothing is known."""
    for family in Family:
        one = Call(world, caller, called, family)
        if one.by_address:
            return one
    return Call(world, caller, called, Family.V4)


def direct_peer(rule: PolicyRule, direction: Direction) -> Entity:
    """The side of a rule that is about others: the source on the way in, the destination on the way out."""
    return rule.source if direction is Direction.INGRESS else rule.destination


class _ByLabels(Matcher):
    """What rules match among the packets of a call whose addresses are not known.

    An address never narrows a match here; where one would, it is known only that it may match.
    """

    def __init__(self, one: Call) -> None:
        """The matcher of one call."""
        super().__init__(one.world.matcher.book)
        self._call = one

    def work_out(self, rule: PolicyRule, family: Family) -> Match:
        """As `Matcher.work_out`, by labels."""
        nothing = HeaderSpace.nothing(family)
        if not applies_to_family(rule, family):
            return Match(Bounds.exact(nothing))
        space = Bounds.exact(header_criteria(rule, family))
        caller, called = self._call.caller, self._call.called
        for entity, party, port in (
            (rule.source, caller, Field.SRC_PORT),
            (rule.destination, called, Field.DST_PORT),
        ):
            space = space & self._by_ports(entity, party, port)
            answer = self._is_meant(entity, party)
            if answer is False:
                return Match(Bounds.exact(nothing))
            if answer is None:
                space = Bounds(nothing, space.may)
        return Match(space) if space.is_exact else Match(space, _UNKNOWN)

    def exceptions(self, rule: PolicyRule, family: Family) -> HeaderSpace | None:
        """None: nobody asks a call for what a rule spares."""
        del rule, family
        return None

    def _is_meant(self, entity: Entity, party: Party) -> bool | None:
        """Whether the addresses that an entity is about hold those of *party*; None for perhaps."""
        answers: list[bool | None] = []
        if entity.positive is not None:
            answers.append(self._selected(entity.positive, party))
        if entity.negative is not None:
            chosen = self._selected(entity.negative, party)
            answers.append(None if chosen is None else not chosen)
        rule = entity.rule
        if any(net.length for net in rule.nets) or rule.not_nets or rule.services:
            answers.append(None)
        if False in answers:
            return False
        return None if None in answers else True

    def _selected(self, selector: Selector, party: Party) -> bool | None:
        """By labels; a network set that is selected may hold the address of anybody."""
        verdict = party.selected(selector)
        if verdict is False and any(
            selector.matches(one.meta.labels)
            for one in self._call.world.snapshot.all(NetworkSet).values()
        ):
            return None
        return verdict

    def _by_ports(self, entity: Entity, party: Party, port: Field) -> Bounds:
        space = Bounds.exact(HeaderSpace.everything(self._call.family))
        if entity.rule.ports:
            space = space & self._listed(entity.rule.ports, party, port)
        if entity.rule.not_ports:
            space = space - self._listed(entity.rule.not_ports, party, port)
        return space

    def _listed(self, ports: tuple[Port, ...], party: Party, field: Field) -> Bounds:
        family = self._call.family
        numeric = HeaderSpace.box(family, {field: port_numbers(ports)})
        names = {port.name for port in ports if port.name}
        named = (
            HeaderSpace.box(
                family,
                {
                    Field.PROTOCOL: IntervalSet.single(one.protocol),
                    field: IntervalSet.single(one.port),
                },
            )
            for one in party.endpoint.ports
            if one.name in names and one.protocol in PORT_PROTOCOLS
        )
        return Bounds.exact(numeric | HeaderSpace.union_all(family, named))
