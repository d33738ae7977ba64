"""A world with one change is the world built anew, whatever was worked out before it and shared."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.checks.run import judged
from service.checks.settings import CheckSettings
from service.policy.world import World
from tests.factories import decode, make_change, raw
from tests.property import engine_worlds as worlds
from tests.property.engine_reference import FAMILIES, INTERFACES, Way, engine_world, partition

SETTINGS = CheckSettings()
SERVICE = raw(
    "Service",
    "bar",
    api_version="v1",
    namespace="shop",
    spec={"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}]},
)
rules = worlds.arbitrary_rules | worlds.directed_rules()
REPLACEMENTS = {
    "GlobalNetworkPolicy": st.sampled_from(["a", "b", "new"]).flatmap(
        lambda name: worlds.policies(rules, name)
    ),
    "HostEndpoint": worlds.host_endpoints("w1-0"),
    "GlobalNetworkSet": worlds.network_sets.filter(lambda one: one["kind"] == "GlobalNetworkSet"),
    "Tier": st.sampled_from(["Deny", "Pass"]).map(
        lambda action: raw("Tier", "security", spec={"order": 7, "defaultAction": action})
    ),
    "FelixConfiguration": st.just(
        raw("FelixConfiguration", "default", spec={"failsafeInboundHostPorts": []})
    ),
    "Namespace": st.just(raw("Namespace", "shop", api_version="v1", labels={"env": "test"})),
    "Node": st.just(worlds.STANDING[3]).map(
        lambda w1: {**w1, "metadata": {**w1["metadata"], "name": "w3"}}
    ),
    "Service": st.just(raw("Service", "bar", api_version="v1", namespace="shop", spec={})),
}


def answers(world):
    """Everything that is asked of a world: what becomes of packets, and what the checks say of it."""
    partitions = [
        partition(subject, interface, way, family)
        for subject in (world, world.without_failsafes())
        for way in Way
        for interface in INTERFACES
        for family in FAMILIES
    ]
    return partitions, list(judged(world, SETTINGS))


@st.composite
def changes(draw, kind, world):
    """The creation, update or deletion of an object of *kind*."""
    after = decode(draw(REPLACEMENTS[kind]))
    before = world.snapshot.find(after.ref)
    if before is not None and draw(st.booleans()):
        return make_change(before, None)
    return make_change(before, after)


@given(data=st.data())
def test_an_overlay_answers_as_the_world_built_anew(data):
    kind = data.draw(st.sampled_from(sorted(REPLACEMENTS)))
    base = engine_world([*data.draw(worlds.worlds(rules)), SERVICE])
    change = data.draw(changes(kind, base))
    before = answers(base) if data.draw(st.booleans()) else None
    overlay = base.with_change(change)
    assert answers(World(base.snapshot.with_change(change))) == answers(overlay)
    if before is not None:
        assert before == answers(base)


@given(data=st.data())
def test_an_overlay_of_an_overlay_answers_as_the_world_built_anew(data):
    base = engine_world([*data.draw(worlds.worlds(rules)), SERVICE])
    first = base.with_change(data.draw(changes("GlobalNetworkPolicy", base)))
    change = data.draw(changes("GlobalNetworkPolicy", first))
    overlay = first.with_change(change)
    assert answers(World(first.snapshot.with_change(change))) == answers(overlay)


@given(data=st.data())
def test_a_change_that_is_taken_back_leaves_the_answers_as_they_were(data):
    base = engine_world([*data.draw(worlds.worlds(rules)), SERVICE])
    name = data.draw(st.sampled_from(["a", "b", "new"]))
    after = decode(data.draw(worlds.policies(rules, name)))
    before = base.snapshot.find(after.ref)
    there = base.with_change(make_change(before, after))
    assert answers(base) == answers(there.with_change(make_change(after, before)))
