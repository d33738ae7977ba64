"""Small worlds of host endpoints, as raw objects: drawn freely, or towards what matters.

The *arbitrary* rules combine any fields, so that many policies are discarded or match nothing; the
*directed* ones take what the worlds hold (their addresses, ports, labels) and fit together.
"""

from __future__ import annotations

import json

from hypothesis import strategies as st

from tests.factories import raw

NODES = {
    "w1": {"eth0": ["10.0.0.11/24", "fd00::11/64"], "eth1": ["10.1.0.11/24"]},
    "w2": {"eth0": ["10.0.0.12/24", "fd00::12/64"]},
}
NETS = {
    4: ("10.0.0.0/24", "10.0.0.11/32", "10.0.0.0/8", "203.0.113.0/25", "0.0.0.0/0"),
    6: ("fd00::/64", "fd00::11/128", "2001:db8::/32", "::/0"),
}
POD_ADDRESSES = ("10.244.1.5", "10.244.1.6", "fd00:244::5")
PORTS = (22, 80, 6443, 30080)
NAMED_PORTS = ("web", "dns")
HOST_ONLY = "!has(projectcalico.org/namespace)"

labels = st.fixed_dictionaries(
    {}, optional={"role": st.sampled_from(["node", "edge"]), "zone": st.sampled_from(["a", "b"])}
)
selectors = st.sampled_from(
    [
        "role == 'node'",
        "role != 'node'",
        "has(zone)",
        "!has(role)",
        "zone in {'a', 'c'}",
        "role == 'node' && zone == 'b'",
        "role contains 'd' || has(ports)",
        "all()",
        "projectcalico.org/namespace == 'shop'",
    ]
)
namespace_selectors = st.sampled_from(
    [
        "all()",
        "global()",
        "env == 'prod'",
        "env != 'prod'",
        "!has(env)",
        "projectcalico.org/name == 'shop'",
    ]
)
host_selectors = selectors.map(lambda text: f"({text}) && {HOST_ONLY}")
nets = st.sampled_from([*NETS[4], *NETS[6]])
numbers = st.sampled_from([*PORTS, "1:1024", "30000:32767", "80:80"])
ports = st.lists(numbers | st.sampled_from(NAMED_PORTS), min_size=1, max_size=2, unique=True)
protocols = st.sampled_from(["TCP", "UDP", "SCTP", "ICMP", "ICMPv6", "UDPLite", 6, 253])
not_icmp = st.sampled_from([{"type": 8}, {"type": 8, "code": 0}, {"type": 128}])
icmp = not_icmp | st.just({})
actions = st.sampled_from(["Allow", "Deny", "Deny", "Pass", "Log"])
services = st.sampled_from(
    [{"name": "web", "namespace": "shop"}, {"name": "gone", "namespace": "shop"}, {"name": "web"}]
)
accounts = st.sampled_from([{"names": ["builder"]}, {"selector": "team == 'x'"}])


def lists(items):
    return st.lists(items, min_size=1, max_size=2, unique=True)


def some(**fields):
    """A dictionary of any of *fields*."""
    return st.fixed_dictionaries({}, optional=fields)


arbitrary_entities = some(
    nets=lists(nets),
    notNets=lists(nets),
    selector=selectors,
    notSelector=selectors,
    namespaceSelector=namespace_selectors,
    ports=ports,
    notPorts=ports,
    services=services,
    serviceAccounts=accounts,
)
arbitrary_rules = st.fixed_dictionaries(
    {"action": actions},
    optional={
        "ipVersion": st.sampled_from([4, 6]),
        "protocol": protocols,
        "notProtocol": protocols,
        "icmp": icmp,
        "notICMP": not_icmp,
        "source": arbitrary_entities,
        "destination": arbitrary_entities,
    },
)


@st.composite
def directed_entities(draw, *, family, with_ports):
    """A side of a rule: one family, host endpoints and sets only, ports where they are legal."""
    own = lists(st.sampled_from(NETS[family]))
    bounded = lists(st.sampled_from([one for one in NETS[family] if not one.endswith("/0")]))
    fields = {
        "nets": own,
        "notNets": bounded,
        "selector": host_selectors,
        "notSelector": host_selectors,
    }
    if with_ports:
        fields |= {"ports": lists(numbers), "notPorts": lists(numbers)}
    chosen = draw(st.lists(st.sampled_from(sorted(fields)), max_size=2, unique=True))
    return {name: draw(fields[name]) for name in chosen}


@st.composite
def directed_rules(draw):
    """A rule of which each criterion can hold."""
    family = draw(st.sampled_from([4, 6]))
    protocol = draw(
        st.sampled_from([None, "TCP", "TCP", "UDP", "ICMP" if family == 4 else "ICMPv6"])
    )
    with_ports = protocol in {"TCP", "UDP"}
    rule = {
        "action": draw(actions),
        "source": draw(directed_entities(family=family, with_ports=with_ports)),
        "destination": draw(directed_entities(family=family, with_ports=with_ports)),
    }
    if protocol:
        rule["protocol"] = protocol
    if protocol in {"ICMP", "ICMPv6"}:
        rule |= draw(some(icmp=icmp, notICMP=not_icmp))
    return rule


@st.composite
def policies(draw, rules, name):
    """A GlobalNetworkPolicy of any category."""
    category = draw(st.sampled_from(["normal", "forward", "preDNAT", "doNotTrack"]))
    directions = (
        ["Ingress"]
        if category == "preDNAT"
        else draw(lists(st.sampled_from(["Ingress", "Egress"])))
    )
    spec = {
        "tier": draw(st.sampled_from(["default", "default", "security", "gone"])),
        "selector": draw(
            st.sampled_from(["", "all()", "role == 'node'", "has(zone)", "role != 'edge'"])
        ),
        "types": directions,
        **{key.lower(): draw(st.lists(rules, max_size=3)) for key in directions},
    }
    if draw(st.booleans()):
        spec["order"] = draw(st.sampled_from([1, 10, 10.5]))
    if draw(st.integers(0, 5)) == 0:
        spec["namespaceSelector"] = draw(namespace_selectors)
    if category != "normal":
        spec["applyOnForward"] = True
    if category in {"preDNAT", "doNotTrack"}:
        spec[category] = True
    return raw("GlobalNetworkPolicy", name, spec=spec)


@st.composite
def host_endpoints(draw, name, node="w1"):
    """A host endpoint, named, nameless or `*`, with or without addresses, profiles and ports."""
    interface = draw(st.sampled_from(["eth0", "eth0", "eth1", "*", ""]))
    addresses = [text.split("/")[0] for texts in NODES[node].values() for text in texts]
    listed = st.lists(st.sampled_from(addresses), min_size=not interface, max_size=2, unique=True)
    spec = {
        "node": node,
        "interfaceName": interface,
        "expectedIPs": draw(listed),
        "profiles": draw(profiles),
        "ports": [{"name": "web", "protocol": "TCP", "port": 30080}] * draw(st.integers(0, 1)),
    }
    return raw("HostEndpoint", name, labels=draw(labels), spec=spec)


profiles = st.sampled_from(
    [
        [],
        [],
        ["projectcalico-default-allow"],
        ["kns.shop"],
        ["gone"],
        ["ksa.shop.builder", "kns.shop"],
    ]
)
_failsafes = st.lists(
    st.fixed_dictionaries(
        {"protocol": st.sampled_from(["TCP", "UDP"]), "port": st.sampled_from(PORTS)},
        optional={"net": st.sampled_from(["10.0.0.0/24", "fd00::/64", "203.0.113.9/32"])},
    ),
    max_size=2,
)
_felix = some(
    failsafeInboundHostPorts=_failsafes,
    failsafeOutboundHostPorts=_failsafes,
    ipv6Support=st.sampled_from([True, True, False]),
)


def _tier(name, order, action):
    return raw("Tier", name, spec={"order": order, "defaultAction": action})


def _node(name):
    addresses = [text.split("/")[0] for texts in NODES[name].values() for text in texts]
    body = raw(
        "Node",
        name,
        api_version="v1",
        annotations={"nodeward.io/interfaces": json.dumps(NODES[name])},
        spec={},
    )
    listed = [{"type": "InternalIP", "address": address} for address in addresses]
    return {**body, "status": {"addresses": listed}}


def _namespace(name, env):
    own = {"kubernetes.io/metadata.name": name, "env": env}
    return raw("Namespace", name, api_version="v1", labels=own)


SLICE = raw(
    "EndpointSlice",
    "web-1",
    api_version="discovery.k8s.io/v1",
    namespace="shop",
    labels={"kubernetes.io/service-name": "web"},
    addressType="IPv4",
    ports=[{"name": "http", "port": 30080, "protocol": "TCP"}],
    endpoints=[{"addresses": ["10.0.0.12"]}],
)
STANDING = (
    _tier("kube-admin", 1000, "Pass"),
    _tier("default", 1_000_000, "Deny"),
    _tier("kube-baseline", 10_000_000, "Pass"),
    *map(_node, NODES),
    _namespace("shop", "prod"),
    _namespace("dev", "test"),
    raw("ServiceAccount", "builder", api_version="v1", namespace="shop"),
    SLICE,
)
"""What is in every world: the namespace of each NetworkSet, the account that a profile names."""
UNREAD = frozenset({"Pod"})
"""Kinds that the model is told of and the engine is not."""


@st.composite
def worlds(draw, rules):
    """The raw objects of a world on two nodes, of which w1 is looked at."""
    names = draw(st.lists(st.sampled_from(["a", "a-b", "b", "c"]), max_size=3, unique=True))
    found = [*STANDING, *(draw(policies(rules, name)) for name in names)]
    found += [draw(host_endpoints(f"w1-{index}")) for index in range(draw(st.integers(1, 3)))]
    found += [draw(host_endpoints("w2-0", node="w2"))]
    if draw(st.booleans()):
        action = draw(st.sampled_from(["Deny", "Pass"]))
        found.append(_tier("security", draw(st.sampled_from([100, 1_000_000])), action))
    found += draw(st.lists(network_sets, max_size=2, unique_by=lambda one: one["metadata"]["name"]))
    found.append(
        raw("FelixConfiguration", "default", spec={**draw(_felix), "nftablesMode": "Disabled"})
    )
    return found


_set_nets = lists(st.sampled_from(["203.0.113.0/24", "10.0.0.12/32", "fd00::/64"]))
network_sets = st.one_of(
    st.builds(
        lambda own, listed: raw("GlobalNetworkSet", "outside", labels=own, spec={"nets": listed}),
        labels,
        _set_nets,
    ),
    st.builds(
        lambda own, listed, where: raw(
            "NetworkSet", "inside", namespace=where, labels=own, spec={"nets": listed}
        ),
        labels,
        _set_nets,
        st.sampled_from(["shop", "dev"]),
    ),
)


@st.composite
def pods(draw):
    """Pods that the engine does not see; their addresses are no node's."""
    addresses = draw(st.lists(st.sampled_from(POD_ADDRESSES), max_size=3, unique=True))
    return [_pod(draw, index, address) for index, address in enumerate(addresses)]


def _pod(draw, index, address):
    container = {
        "name": "c",
        "ports": [{"name": draw(st.sampled_from(NAMED_PORTS)), "containerPort": 80}],
    }
    body = raw(
        "Pod",
        f"p{index}",
        api_version="v1",
        namespace=draw(st.sampled_from(["shop", "dev"])),
        labels=draw(labels),
        spec={"nodeName": "w2", "serviceAccountName": "builder", "containers": [container]},
    )
    return {**body, "status": {"phase": "Running", "podIPs": [{"ip": address}]}}


packet_fields = st.fixed_dictionaries(
    {
        "protocol": st.sampled_from([1, 6, 17, 58, 132, 136, 253]),
        "src_port": st.sampled_from([22, 53, 6443, 40000]),
        "dst_port": st.sampled_from([22, 80, 443, 6443, 30080, 32767]),
        "icmp": st.sampled_from([(8, 0), (8, 1), (128, 0), (0, 0)]),
        "src": st.integers(0, 7),
        "dst": st.integers(0, 7),
    }
)
PEERS = {
    4: (
        "10.0.0.11",
        "10.0.0.12",
        "10.1.0.11",
        "203.0.113.9",
        "203.0.113.200",
        "10.244.1.5",
        "8.8.8.8",
        "10.244.1.6",
    ),
    6: (
        "fd00::11",
        "fd00::12",
        "fd00::99",
        "2001:db8::9",
        "fd00:244::5",
        "::1",
        "fe80::1",
        "2001:db9::1",
    ),
}
