"""The trace agrees with the reference model where nothing was measured: measured worlds, changed.

Overlays, host ports, other settings of Felix: what the test bed of the measured worlds did not have.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random

import pytest
import yaml

from service.policy.flow_query import parse_flow
from service.policy.trace import trace
from service.policy.world import World
from tests.factories import decode, make_snapshot
from tests.reference.measured import worlds
from tests.reference.model import Model

ARCHIVE = Path(__file__).parent / "felix.tar.xz"
WORLDS_EACH = 4
FLOWS_EACH = 40
NODES = ("cp1", "w1", "w2")
FIRST_HOST_PORT = 5000
CLIENTS = ({"ip": "203.0.113.9"}, {"pod": "a/web1"}, {"pod": "c/job2"}, {"node": "w1"})


@cache
def measured():
    return list(worlds(ARCHIVE))


def of_kind(objects, kind):
    return [one for one in objects if one["kind"] == kind]


def pools(objects, family=":.", **modes):
    for pool in of_kind(objects, "IPPool"):
        if any(mark in pool["spec"]["cidr"] for mark in family):
            pool["spec"].update(modes)


def tunnels(objects, **addresses):
    """Give each node the tunnel addresses that *addresses* make of its number."""
    for node in of_kind(objects, "Node"):
        number = NODES.index(node["metadata"]["name"])
        for name, template in addresses.items():
            annotation = f"projectcalico.org/{name}TunnelAddr"
            node["metadata"]["annotations"][annotation] = template.format(number)


def vxlan(objects, mode="Always"):
    pools(objects, ipipMode="Never", vxlanMode=mode)
    tunnels(objects, IPv4VXLAN="10.244.{}.1", IPv6VXLAN="fd00:244:{}::1")


def vxlan_across_subnets(objects):
    vxlan(objects, "CrossSubnet")
    far = of_kind(objects, "Node")[-1]["metadata"]["annotations"]
    far["projectcalico.org/IPv4Address"] = "10.0.9.12/24"


def ipip(objects):
    pools(objects, family=".", ipipMode="Always")
    tunnels(objects, IPv4IPIP="10.244.{}.1")


def host_ports(objects):
    for pod in of_kind(objects, "Pod"):
        ports = [port for one in pod["spec"]["containers"] for port in one.get("ports") or ()]
        for number, port in enumerate(() if pod["spec"].get("hostNetwork") else ports):
            port["hostPort"] = FIRST_HOST_PORT + number


def felix(**settings):
    def change(objects):
        for one in of_kind(objects, "FelixConfiguration"):
            one["spec"].update(settings)

    return change


CHANGES = {
    "vxlan": vxlan,
    "vxlan-across-subnets": vxlan_across_subnets,
    "ipip": ipip,
    "host-ports": host_ports,
    "nftables-auto": felix(nftablesMode="Auto"),
    "spared-hosts": felix(natOutgoingExclusions="IPPoolsAndHostIPs"),
    "no-ipv6": felix(ipv6Support=False),
    "encapsulating-pods": felix(allowVXLANPacketsFromWorkloads=True),
}


def flows(one):
    """Some of what was measured, and calls of host ports."""
    random = Random(one.name)
    rows = [json.loads(line)["flow"] for line in one.flows.splitlines()]
    yield from random.sample(rows, min(len(rows), FLOWS_EACH))
    for client in CLIENTS:
        for number in range(2):
            yield {
                "from": client,
                "to": {"node": random.choice(NODES)},
                "protocol": random.choice(("TCP", "UDP")),
                "port": FIRST_HOST_PORT + number,
                "src_port": 20000,
            }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("change", CHANGES)
def test_the_trace_agrees_with_the_model_in_changed_worlds(change):
    differing = []
    for one in Random(change).sample(measured(), WORLDS_EACH):
        objects = [raw for raw in yaml.load_all(one.cluster, Loader=yaml.CSafeLoader) if raw]
        CHANGES[change](objects)
        model = Model(objects)
        world = World.of(make_snapshot(*map(decode, objects)))
        for flow in flows(one):
            expected = model.verdict(flow).disposition
            found = trace(world, parse_flow(flow))
            if expected != found.disposition:
                differing.append(
                    (one.folder, one.name, json.dumps(flow), expected, found.to_text())
                )
    assert [] == differing
