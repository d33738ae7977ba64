"""The way of one kind of sender to one endpoint of the API server, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.checks.apiserver.access import Who, address_owners, api_endpoints, passage
from service.checks.apiserver.pods import called_by_pods, pod_names, pods_passage
from service.checks.witness import packet
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.prefixes import addresses_in, cidrs
from service.policy.cause import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.apiserver.access import ApiEndpoint, Passage
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Witness
    from service.model.refs import ObjectRef
    from service.net.intervals import IntervalSet
    from service.policy.partition import Part
    from service.policy.world import World

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Way:
    """One kind of sender's way to one endpoint, in one world."""

    world: World
    settings: CheckSettings
    endpoint: ApiEndpoint
    who: Who

    @property
    def passage(self) -> Passage:
        """What becomes of the packets, failsafes as they stand."""
        return self._passage(self.world)

    @property
    def by_policy(self) -> Passage:
        """What would become of them if the failsafe lists were empty."""
        return self._passage(self.world.without_failsafes())

    def _passage(self, world: World) -> Passage:
        if self.who is Who.PODS:
            return pods_passage(world, self.endpoint, self.settings.protected)
        return passage(world, self.endpoint, self.who, operators=self._operators)

    @property
    def _operators(self) -> IntervalSet | None:
        if self.who is not Who.OPERATORS:
            return None
        return addresses_in(self.settings.operators, self.endpoint.family)

    def carried(self, ref: ObjectRef | None) -> HeaderSpace:
        """The packets that arrive only because a failsafe carries them past a Deny rule of *ref*.

        None stands for everything else that would deny: other rules, ends of tiers, missing profiles.
        """
        family = self.endpoint.family
        explicit = Bounds.union_all(
            family,
            (
                one.space
                for one in self.by_policy.parts
                if ref is not None and _is_rule_of(one, ref)
            ),
        ).must
        arriving = self.passage.possible.must
        return arriving & (explicit if ref is not None else self.by_policy.denied.must)

    def witness(self, space: HeaderSpace) -> Witness:
        """A packet of *space*; one of a pod as the pod sends it, to the Service where that is known."""
        if self.who is Who.PODS:
            called = called_by_pods(self.world, self.endpoint, space.project(Field.SRC))
            if called is not None:
                return packet(called, "", {})
        senders = address_owners(self.world) if self.who is Who.NODES else {}
        return packet(space, self.endpoint.node, senders)

    def senders(self, space: HeaderSpace) -> str:
        """Who sends the packets of *space*, in words."""
        sources = space.project(Field.SRC)
        if self.who is Who.NODES:
            owners = address_owners(self.world)
            family = self.endpoint.family
            names = sorted(
                {
                    node
                    for (one, value), node in owners.items()
                    if one is family and value in sources
                }
            )
            return f"{'node' if len(names) == 1 else 'nodes'} {some(names)}"
        if self.who is Who.PODS:
            return f"pods {some(pod_names(self.world, self.endpoint.family, sources))}"
        what = "operators" if self.who is Who.OPERATORS else "outside sources"
        meant = cidrs(self.endpoint.family, sources)
        others = cidrs(self.endpoint.family, self.passage.live.may.project(Field.SRC) - sources)
        if not others:
            return f"all {what}"
        if len(others) < len(meant):
            return f"{what} other than {some(others)}"
        return f"{what} ({some(meant)})"


def _is_rule_of(part: Part, ref: ObjectRef) -> bool:
    return part.cause.reason is Reason.RULE and part.cause.policy == ref


def ways(world: World, settings: CheckSettings) -> Iterator[Way]:
    """Every way that must stay open: of the nodes and the system's pods, and of the operators.

    Without operators it is that of outsiders.
    """
    for endpoint in api_endpoints(world, settings):
        yield Way(world, settings, endpoint, Who.NODES)
        yield from ways_of_pods(world, settings, endpoint)
        if not settings.operators:
            yield Way(world, settings, endpoint, Who.OUTSIDE)
        elif any(one.family is endpoint.family for one in settings.operators):
            yield Way(world, settings, endpoint, Who.OPERATORS)


def ways_of_pods(world: World, settings: CheckSettings, endpoint: ApiEndpoint) -> Iterator[Way]:
    """The way of the system's pods to *endpoint*, if any of them is known."""
    if pods_passage(world, endpoint, settings.protected).live.may:
        yield Way(world, settings, endpoint, Who.PODS)


def some(texts: list[str]) -> str:
    """The first few of *texts*, and how many more there are."""
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
