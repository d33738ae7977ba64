from __future__ import annotations

import pytest

from service.checks.nodeport.openings import all_openings, openings
from service.checks.settings import CheckSettings
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.world import World
from tests.factories import make_service, make_snapshot

SETTINGS = CheckSettings()
UNALLOCATED = {"name": "http", "port": 80}


def labels(**spec):
    return [one.label for one in openings(make_service(**spec), SETTINGS)]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"ports": [30080]}, ["TCP 30080"]),
        ({"ports": [30080, 30081]}, ["TCP 30080", "TCP 30081"]),
        ({"ports": [{"port": 53, "nodePort": 30053, "protocol": "UDP"}]}, ["UDP 30053"]),
        ({"ports": [UNALLOCATED]}, ["TCP 30000-32767"]),
        ({"ports": [30080], "type": "ClusterIP"}, []),
        ({"ports": [UNALLOCATED], "type": "LoadBalancer"}, ["TCP 30000-32767"]),
        (
            {
                "ports": [UNALLOCATED],
                "type": "LoadBalancer",
                "allocateLoadBalancerNodePorts": False,
            },
            [],
        ),
        (
            {"ports": [30080], "type": "LoadBalancer", "allocateLoadBalancerNodePorts": False},
            ["TCP 30080"],
        ),
        (
            {
                "ports": [30080],
                "type": "LoadBalancer",
                "externalTrafficPolicy": "Local",
                "healthCheckNodePort": 32100,
            },
            ["TCP 30080", "TCP 32100"],
        ),
        (
            {"ports": [30080], "type": "LoadBalancer", "externalTrafficPolicy": "Local"},
            ["TCP 30080", "TCP 30000-32767"],
        ),
    ],
)
def test_a_service_opens_its_node_ports_or_the_range_that_they_will_come_from(spec, expected):
    assert expected == labels(**spec)


def test_the_families_are_those_that_the_service_asks_for():
    (one,) = openings(make_service(ipFamilies=["IPv6"]), SETTINGS)
    assert (Family.V6,) == one.families


def test_the_range_is_the_configured_one():
    settings = CheckSettings(node_port_range=(20000, 20001))
    (one,) = openings(make_service(ports=[UNALLOCATED]), settings)
    assert (IntervalSet.of((20000, 20001)), False) == (one.ports, one.allocated)


def test_services_go_by_name():
    world = World(make_snapshot(make_service("b"), make_service("a")))
    names = [one.service.meta.ref.name for one in all_openings(world, SETTINGS)]
    assert ["a", "b"] == names
