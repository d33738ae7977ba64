"""Whether workloads that call others by name can ask for the name's address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from service.checks.workload.calls import call
from service.checks.workload.exposed import behind
from service.checks.workload.parties import Party, parties
from service.errors import SourceLocation
from service.model.kinds.k8s_service import Service
from service.model.refs import ObjectRef
from service.model.rule import Action
from service.net.flow import PROTOCOL_NUMBERS
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.cause import Decision, Direction
from service.policy.workloads import Labels, WorkloadEndpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.policy.convert import Policy, PolicyRule
    from service.policy.world import World

PORT = 53
_UDP = PROTOCOL_NUMBERS["UDP"]
NAMESPACE = "kube-system"
LABELS = {"k8s-app": "kube-dns"}
"""Where Kubernetes' own DNS lives, and the label that every distribution of CoreDNS keeps."""


@dataclass(frozen=True, slots=True)
class Deaf:
    """A workload that ``policy`` lets call other pods, and that surely gets no answer about their names."""

    party: Party
    policy: Policy
    refused_by: Direction
    questions: HeaderSpace


def deaf(world: World) -> Iterator[Deaf]:
    """The workloads whose policies let them call pods, and ask no name server.

    A workload that may send nothing, or to addresses only, needs no names. Where the cluster's name servers
    are not known, nothing is said; without any pod, they are taken to be Kubernetes' own.
    """
    servers = name_servers(world)
    for party in parties(world).every if servers else ():
        policy = _calls_by_name(world, party)
        if policy is None or party in servers:
            continue
        refusals = [_refused(world, party, server) for server in servers]
        if None not in refusals and not _asks_elsewhere(world, party):
            asked = call(world, party, servers[0])
            space = asked.live.may & _questions(servers[0], asked.family)
            yield Deaf(party, policy, cast("Direction", refusals[0]), space)


def name_servers(world: World) -> tuple[Party, ...]:
    """Who answers DNS: what stands behind the Services of UDP port 53."""
    if "name servers" not in world.memo:
        services = world.snapshot.all(Service)
        found = {
            party: None
            for ref in sorted(services)
            if _serves_names(services[ref])
            for party in behind(world, services[ref])
        }
        known = parties(world)
        assumed = () if found or known.complete else (_assumed(world),)
        world.memo["name servers"] = (*found, *assumed)
    return cast("tuple[Party, ...]", world.memo["name servers"])


def _serves_names(service: Service) -> bool:
    return any(one.port == PORT and one.protocol == _UDP for one in service.ports)


def _assumed(world: World) -> Party:
    labels, unknown = Labels(world.snapshot).of_pod(LABELS, NAMESPACE, "coredns")
    ref = ObjectRef("apps", "Deployment", NAMESPACE, "coredns")
    endpoint = WorkloadEndpoint(ref, "", (), labels, (f"kns.{NAMESPACE}",), (), unknown)
    return Party(ref, SourceLocation(), endpoint, LABELS)


def _calls_by_name(world: World, party: Party) -> Policy | None:
    """The first policy that lets *party* call chosen pods or Services."""
    chain = world.workload_chain(party.endpoint, Direction.EGRESS)
    if chain.doubts:
        return None
    for tier in chain.tiers:
        for policy in tier.policies:
            for rule in policy.rules(Direction.EGRESS):
                if rule.rule.action is Action.ALLOW and _chooses(rule):
                    return policy
    return None


def _chooses(rule: PolicyRule) -> bool:
    """Whether a rule is about chosen pods or Services, for more than asking them for names."""
    destination = rule.destination
    ports = destination.rule.ports
    asks_names = bool(ports) and all(port.lo == port.hi == PORT for port in ports)
    return bool(destination.positive or destination.rule.services) and not asks_names


def _refused(world: World, party: Party, server: Party) -> Direction | None:
    """Which side surely refuses every question of *party* to *server*; None where one may get through."""
    one = call(world, party, server)
    questions = Bounds.exact(_questions(server, one.family))
    sent = questions & one.sent().bounds(Decision.ALLOW)
    if not sent.may:
        return Direction.EGRESS
    return None if (sent & one.received().bounds(Decision.ALLOW)).may else Direction.INGRESS


def _questions(server: Party, family: Family) -> HeaderSpace:
    """DNS over UDP, at port 53 and whatever port a name server's container has besides."""
    ports = {PORT, *(port.port for port in server.endpoint.ports if port.protocol == _UDP)}
    fields = {
        Field.PROTOCOL: IntervalSet.single(_UDP),
        Field.DST_PORT: IntervalSet.of(*((port, port) for port in sorted(ports))),
    }
    return HeaderSpace.box(family, fields)


def _asks_elsewhere(world: World, party: Party) -> bool:
    """Whether *party* may ask somebody who is no pod: a cache on its node, or a server outside."""
    if not party.pods:
        return False  # Rules that name networks may mean the assumed server, too.
    return any(_asks_outside(world, party, family) for family in Family)


def _asks_outside(world: World, party: Party, family: Family) -> bool:
    own = party.addresses(family)
    if not own:
        return False
    pods = IntervalSet.union_all(one.addresses(family) for one in parties(world).every)
    fields = {
        Field.SRC: own,
        Field.DST: pods.complement(0, family.max_address),
        Field.PROTOCOL: IntervalSet.single(_UDP),
        Field.DST_PORT: IntervalSet.single(PORT),
    }
    live = Bounds.exact(HeaderSpace.box(family, fields))
    fate = world.evaluate_workload(party.endpoint, live, Direction.EGRESS)
    return bool(fate.may(Decision.ALLOW))
