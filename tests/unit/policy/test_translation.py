"""What a node makes of a packet's destination."""

from __future__ import annotations

import pytest

from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, parse_ip
from service.policy.kube_proxy import Socket
from service.policy.topology import Topology
from service.policy.translation import Translator
from service.policy.walk import Walk
from service.policy.world import World
from tests.factories import make_node, make_pod, make_snapshot, raw
from tests.trace_factories import POD_ON_W1, POD_ON_W2, W1, web

TCP = 6
POD, NODE, OUTSIDE = "10.244.2.77", W1, "203.0.113.9"
NODE_PORT, CLUSTER_IP = (W1, 30080), ("10.96.0.9", 80)


def translated(socket, *objects, source=OUTSIDE):
    nodes = (
        make_node("w1", internal=W1),
        raw("Node", "w2", api_version="v1", spec={"podCIDR": "10.244.2.0/24"}),
    )
    world = World.of(make_snapshot(*nodes, *objects))
    sources = IntervalSet.single(parse_ip(source)[1])
    walk = Walk.start(world, HeaderSpace.box(Family.V4, {Field.SRC: sources}))
    target = Socket(parse_ip(socket[0]), socket[1])
    return Translator(world, Topology(world)).of(walk, "w1", target, protocol=TCP)


@pytest.mark.parametrize(
    ("socket", "source", "masquerades"),
    [
        (NODE_PORT, OUTSIDE, True),
        (NODE_PORT, POD, True),
        (CLUSTER_IP, OUTSIDE, True),
        (CLUSTER_IP, NODE, True),
        (CLUSTER_IP, POD, False),
    ],
)
def test_only_pods_that_call_a_cluster_address_keep_theirs(socket, source, masquerades):
    assert masquerades is translated(socket, *web(POD_ON_W2), source=source).masquerades


@pytest.mark.parametrize(
    ("source", "backends", "masquerades"), [(OUTSIDE, 1, False), (POD, 2, False), (NODE, 2, True)]
)
def test_a_local_policy_spares_pods_and_the_node_itself(source, backends, masquerades):
    local = web(POD_ON_W1, POD_ON_W2, externalTrafficPolicy="Local")
    found = translated(NODE_PORT, *local, source=source)
    assert (backends, masquerades) == (len(found.backends), found.masquerades)


def test_a_service_without_an_eligible_endpoint_refuses():
    assert "no endpoint is eligible" in translated(CLUSTER_IP, *web()).refusal


def test_what_is_no_services_is_left_alone():
    assert translated((W1, 9100), *web(POD_ON_W1)) is None


@pytest.mark.parametrize(
    ("port", "is_led_on"),
    [
        ({"hostPort": 8000}, True),
        ({"hostPort": 8000, "hostIP": W1}, True),
        ({"hostPort": 8000, "hostIP": "0.0.0.0"}, True),  # noqa: S104 - nothing is bound
        ({"hostPort": 8000, "hostIP": "10.9.9.9"}, False),
        ({"hostPort": 8000, "protocol": "UDP"}, False),
        ({}, False),
    ],
)
def test_a_host_port_leads_to_the_pod_that_asks_for_it(port, is_led_on):
    pod = make_pod(ips=POD_ON_W1[0], ports=[{"containerPort": 8080, **port}])
    found = translated((W1, 8000), pod)
    sockets = [str(one.socket) for one in found.backends] if found else []
    assert (["10.244.1.10 port 8080"] if is_led_on else []) == sockets
