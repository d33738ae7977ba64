"""The state of a live cluster is a function of the objects that stand, not of how that was told."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from service.checks.run import audit
from service.checks.settings import check_settings
from service.model.snapshot import Snapshot
from service.policy.world import World
from service.settings import Settings
from tests.live_factories import (
    changed,
    deleted,
    listed,
    make_item,
    make_mirror,
    make_resource,
    progressed,
)

NODES = make_resource("Node")
ENDPOINTS = make_resource("HostEndpoint")
POLICIES = make_resource("GlobalNetworkPolicy", group="crd.projectcalico.org")
SERVICES = make_resource("Service")
RESOURCES = (NODES, ENDPOINTS, POLICIES, SERVICES)
NAMES = ("a", "default.a", "b")
SETTINGS = check_settings(Settings())


def body(resource, name, choice):
    """The spec that an object has by one of a few choices."""
    if resource is ENDPOINTS:
        return {"node": NAMES[choice % 2], "interfaceName": "eth0", "expectedIPs": ["10.0.0.1"]}
    if resource is POLICIES:
        rule = {"action": "Deny" if choice % 2 else "Allow"}
        spec = {"selector": "all()", "order": choice, "preDNAT": True, "applyOnForward": True}
        return {**spec, "types": ["Ingress"], "ingress": [rule]}
    if resource is SERVICES:
        ports = [{"port": 80, "protocol": "TCP", "nodePort": 30000 + choice}]
        return {"type": "NodePort", "ports": ports}
    return {"podCIDRs": [f"10.{choice}.0.0/24"]}


@st.composite
def histories(draw):
    """Writes in order: resource, name, and the choice that it is written with (None: it is deleted)."""
    write = st.tuples(
        st.sampled_from(RESOURCES), st.sampled_from(NAMES), st.none() | st.integers(0, 3)
    )
    return draw(st.lists(write, max_size=25))


def event(write, version):
    resource, name, choice = write
    if choice is None:
        return deleted(resource, name, version)
    return changed(resource, name, version, **body(resource, name, choice))


def standing(history, resource):
    """The items of *resource* after *history*, whose writes have the versions 1, 2, 3 …"""
    items = {}
    for version, (written, name, choice) in enumerate(history, 1):
        if written is resource:
            items.pop(name, None)
            if choice is not None:
                items[name] = make_item(resource, name, version, **body(resource, name, choice))
    return list(items.values())


def begun(history):
    """A mirror that has listed what stands after *history*."""
    mirror = make_mirror(*RESOURCES)
    version = len(history) + 1
    mirror.apply([listed(one, version, *standing(history, one)) for one in RESOURCES])
    return mirror


def content(world):
    snapshot = replace(world.snapshot, revision="")
    told = [(one.fingerprint, one.result, one.message) for one in audit(world, SETTINGS)]
    return snapshot.maps, list(snapshot.decoded()), snapshot.digest, told


def rebuilt(history):
    return content(begun(history).world)


@given(histories(), st.data())
def test_reordered_repeated_squashed_and_replayed_messages_lead_to_the_same(history, data):
    split = data.draw(st.integers(0, len(history)))
    first = [(NODES, "z", None), *history[:split]]
    told = [event(write, len(first) + n) for n, write in enumerate(history[split:], 2)]
    newest = {(one.resource, getattr(one, "key", None) or one.item.key): one for one in told}
    squashed = [one for one in told if data.draw(st.booleans()) or one in newest.values()]
    again = data.draw(st.lists(st.sampled_from(told), max_size=10)) if told else []
    messages = data.draw(st.permutations([*squashed, *again]))
    mirror = begun(first)
    while messages:
        size = data.draw(st.integers(1, len(messages)))
        mirror.apply(messages[:size])
        messages = messages[size:]
    assert rebuilt(history) == content(mirror.world)


@given(histories(), st.data())
def test_a_watch_that_goes_on_anywhere_and_repeats_leads_to_the_same(history, data):
    mirror = begun([])
    told = [event(write, version) for version, write in enumerate(history, 2)]
    place = 0
    while place < len(told):
        place = data.draw(st.integers(max(0, place - 5), place))
        end = data.draw(st.integers(place + 1, len(told)))
        mirror.apply(told[place:end])
        if data.draw(st.booleans()):
            mirror.apply([progressed(one, end + 1) for one in RESOURCES])
        place = max(place, end)
    assert rebuilt(history) == content(mirror.world)


@given(histories(), histories(), st.data())
def test_a_new_list_leads_to_what_it_holds_whatever_was_told_before(before, history, data):
    mirror = begun([])
    mirror.apply([event(write, version) for version, write in enumerate(before, 2)])
    order = data.draw(st.permutations(RESOURCES))
    mirror.apply([listed(one, len(history) + 1, *standing(history, one)) for one in order])
    assert rebuilt(history) == content(mirror.world)


def test_the_content_that_is_compared_tells_worlds_apart():
    one, other = [(POLICIES, "a", 1)], [(POLICIES, "a", 2)]
    assert rebuilt(one) != rebuilt(other)
    assert content(World.of(Snapshot.of([]))) == rebuilt([])
