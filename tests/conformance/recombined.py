"""Worlds that nobody measured, made of measured ones: their objects dealt anew, changed and added to.

The seed is all that a world depends on. Objects that an API server refuses are left out.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import yaml

from tests.factories import decode
from tests.reference.measured import worlds

ARCHIVE = Path(__file__).parent / "felix.tar.xz"
NETS = {
    4: (
        "10.0.0.0/24",
        "10.0.0.11/32",
        "10.244.0.0/16",
        "203.0.113.0/24",
        "0.0.0.0/0",
        "10.96.0.0/12",
    ),
    6: ("fd00::/64", "fd00::11/128", "fd00:244::/32", "2001:db8::/32", "::/0"),
}
PORTS = (22, 80, 443, 8080, 6443, 10250, 30080, "30000:32767", "20000:20500", "web", "metrics")
SELECTORS = (
    "all()",
    "role == 'node'",
    "app != 'web'",
    "!has(app)",
    "has(projectcalico.org/namespace)",
    "app in {'web', 'db'}",
    "app starts with 'w'",
    "projectcalico.org/serviceaccount == 'default'",
    "has(pcsa.projectcalico.org/name)",
)
NAMESPACES = ("all()", "global()", "projectcalico.org/name == 'a'", "!has(env)", "env == 'prod'")
ACCOUNTS = ("all()", "has(team)", "!has(team)")
TRANSPORT = frozenset({"TCP", "UDP", "SCTP"})
_POLICIES = frozenset(
    {
        "GlobalNetworkPolicy",
        "NetworkPolicy",
        "ClusterNetworkPolicy",
        "GlobalNetworkSet",
        "NetworkSet",
        "Tier",
        "StagedGlobalNetworkPolicy",
    }
)
_OTHER_NUMBERS = (22, 80, 443, 8080, 6443, 9100, 30080)
_FLOWS = 40


@dataclass(frozen=True)
class Recombined:
    """A world that was made, and flows to ask of it."""

    seed: int
    objects: list[dict[str, object]]
    flows: list[dict[str, object]]


@cache
def _measured():
    return list(worlds(ARCHIVE))


@cache
def _read(number):
    one = _measured()[number]
    objects = [raw for raw in yaml.load_all(one.cluster, Loader=yaml.CSafeLoader) if raw]
    return objects, [json.loads(line)["flow"] for line in one.flows.splitlines()]


def recombined(seed, plane="auto"):
    """The world of *seed*; *plane* is the dataplane that it is meant for."""
    random = Random(seed)
    (objects, flows), donor = _drawn(random), _drawn(random)
    objects = _dealt(random, copy.deepcopy(objects), copy.deepcopy(donor[0]))
    tiers = [one["metadata"]["name"] for one in objects if one["kind"] == "Tier"]
    objects += [_policy(random, number, tiers) for number in range(random.choice((0, 2, 4)))]
    for one in objects:
        _CHANGES.get(one["kind"], lambda *_: None)(random, one, plane)
    flows = random.sample([*flows, *donor[1]], _FLOWS)
    return Recombined(seed, list(_accepted(objects)), [_changed(random, one) for one in flows])


def _drawn(random):
    return _read(random.randrange(len(_measured())))


def _dealt(random, objects, others):
    """*objects* with some of the policies of *others*, and perhaps all of their host endpoints or Services."""
    for kinds in ({"HostEndpoint"}, {"Service", "EndpointSlice"}, {"IPPool"}):
        if random.random() < 0.3:
            objects = [one for one in objects if one["kind"] not in kinds]
            objects += [one for one in others if one["kind"] in kinds]
    policies = [one for one in others if one["kind"] in _POLICIES]
    return [*objects, *random.sample(policies, min(len(policies), random.randrange(8)))]


def _accepted(objects):
    """Each object once, without those that an API server refuses."""
    seen = set()
    for one in objects:
        meta = one["metadata"]
        key = one["apiVersion"], one["kind"], meta.get("namespace"), meta["name"]
        layers = {problem.layer.value for problem in decode(one).problems}
        if key not in seen and not layers & {"schema", "strict", "decode"}:
            seen.add(key)
            yield one


def _some(random, chance, make):
    return make() if random.random() < chance else None


def _entity(random, protocol):
    family = random.choice((4, 4, 6))
    with_ports = protocol in TRANSPORT
    fields = {
        "nets": _some(random, 0.35, lambda: random.sample(NETS[family], 2)),
        "notNets": _some(random, 0.12, lambda: [random.choice(NETS[family][:4])]),
        "selector": _some(random, 0.3, lambda: random.choice(SELECTORS)),
        "notSelector": _some(random, 0.12, lambda: random.choice(SELECTORS)),
        "namespaceSelector": _some(random, 0.15, lambda: random.choice(NAMESPACES)),
        "serviceAccounts": _some(random, 0.1, lambda: {"selector": random.choice(ACCOUNTS)}),
        "ports": _some(random, 0.4 * with_ports, lambda: random.sample(PORTS, 2)),
        "notPorts": _some(random, 0.1 * with_ports, lambda: random.sample(PORTS, 1)),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _rule(random):
    protocol = random.choice(("TCP", "TCP", "UDP", "SCTP", "ICMP", "ICMPv6", 253, None, None))
    fields = {
        "action": random.choice(("Allow", "Allow", "Deny", "Pass", "Log")),
        "protocol": protocol,
        "notProtocol": _some(random, 0.1, lambda: random.choice(("UDP", "ICMP"))),
        "ipVersion": _some(random, 0.1, lambda: random.choice((4, 6))),
        "source": _entity(random, protocol),
        "destination": _entity(random, protocol),
    }
    return {name: value for name, value in fields.items() if value not in (None, {})}


def _policy(random, number, tiers):
    types = random.choice((["Ingress"], ["Egress"], ["Ingress", "Egress"]))
    namespace = random.choice(("", "", "a", "b"))
    spec = {
        "types": types,
        "tier": random.choice((*tiers, "default")),
        "selector": random.choice(SELECTORS),
        **{one.lower(): [_rule(random) for _ in range(random.randrange(4))] for one in types},
    }
    if random.random() < 0.7:
        spec["order"] = random.choice((1, 10, 100, 1000))
    if not namespace:
        flags = ("preDNAT",) if types == ["Ingress"] else ("doNotTrack",)
        chosen = random.choice(((), (), ("applyOnForward",), (*flags, "applyOnForward")))
        spec |= dict.fromkeys(chosen, True)
    metadata = {"name": f"made-{number}"} | ({"namespace": namespace} if namespace else {})
    kind = "NetworkPolicy" if namespace else "GlobalNetworkPolicy"
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    }


def _change_felix(random, one, plane):
    choices = {
        "defaultEndpointToHostAction": ("Drop", "Accept", "Return"),
        "failsafeInboundHostPorts": ([], [{"protocol": "TCP", "port": 8080}]),
        "failsafeOutboundHostPorts": ([], [{"protocol": "UDP", "port": 53, "net": "10.0.0.0/8"}]),
        "natOutgoingExclusions": ("IPPoolsOnly", "IPPoolsAndHostIPs"),
        "nftablesMode": ("Enabled", "Disabled"),
        "interfaceExclude": ("eth1", "/^eth/"),
        "bpfConnectTimeLoadBalancing": ("Disabled", "Enabled"),
        "bpfDataIfacePattern": ("^eth0$", "^br"),
        "kubeNodePortRanges": (["20000:40000"], [30080, 9100]),
    }
    for name, values in choices.items():
        if random.random() < 0.2:
            one["spec"][name] = random.choice(values)
    if plane == "ipvs":
        one["spec"]["nftablesMode"] = "Disabled"


def _change_service(random, one, _plane):
    spec = one["spec"]
    if spec["type"] != "ClusterIP" and random.random() < 0.15:
        spec["externalTrafficPolicy"] = random.choice(("Local", "Cluster"))
    if random.random() < 0.1:
        spec["internalTrafficPolicy"] = random.choice(("Local", "Cluster"))


def _change_slice(random, one, _plane):
    for endpoint in one.get("endpoints") or ():
        if random.random() < 0.05:
            endpoint["conditions"] = {"ready": False, "serving": random.random() < 0.5}


def _change_endpoint(random, one, _plane):
    spec = one["spec"]
    if random.random() < 0.15:
        spec["profiles"] = random.choice(([], ["kns.a"], ["kns.gone"], ["ksa.a.web-sa", "kns.a"]))
    if random.random() < 0.1:
        spec["interfaceName"] = random.choice(("*", "eth0", "eth1", "lo"))


_CHANGES = {
    "FelixConfiguration": _change_felix,
    "Service": _change_service,
    "EndpointSlice": _change_slice,
    "HostEndpoint": _change_endpoint,
}


def _changed(random, flow):
    if "port" in flow and random.random() < 0.2:
        return flow | {"port": random.choice(_OTHER_NUMBERS)}
    return flow
