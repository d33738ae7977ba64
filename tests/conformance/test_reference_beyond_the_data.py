"""What the measured worlds do not hold, told in small ones: overlays, chance, other dataplanes."""

from __future__ import annotations

import copy
import json

import pytest

from tests.reference import Model

ADDRESSES = {"w1": "10.0.0.11", "w2": "10.0.0.12"}
PODS = {"a/p1": ("w1", "10.244.1.10"), "a/p2": ("w2", "10.244.2.10")}
OUTSIDE = {"ip": "203.0.113.9"}


def named(kind, name, spec=None, *, namespace=None, **metadata):
    metadata |= {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": kind,
        "metadata": metadata,
        "spec": spec or {},
    }


def node(name):
    address = ADDRESSES[name]
    annotations = {
        "nodeward.io/interfaces": json.dumps({"eth0": [f"{address}/24"]}),
        "projectcalico.org/IPv4Address": f"{address}/24",
        "projectcalico.org/IPv4VXLANTunnelAddr": PODS[f"a/p{name[1]}"][1].replace(".10", ".0"),
    }
    status = {"addresses": [{"type": "InternalIP", "address": address}]}
    return named("Node", name, annotations=annotations) | {"status": status}


def pod(name):
    host, address = PODS[name]
    namespace, _, own = name.partition("/")
    status = {"phase": "Running", "podIPs": [{"ip": address}]}
    return named("Pod", own, {"nodeName": host}, namespace=namespace) | {"status": status}


def cluster(*others, vxlan="Never", felix=()):
    return [
        named("Tier", "default", {"order": 1000000, "defaultAction": "Deny"}),
        named("Namespace", "a"),
        named("IPPool", "pool", {"cidr": "10.244.0.0/16", "natOutgoing": True, "vxlanMode": vxlan}),
        named("FelixConfiguration", "default", {"nftablesMode": "Disabled", **dict(felix)}),
        *map(node, ADDRESSES),
        *map(pod, PODS),
        *others,
    ]


def host_endpoint(host, interface="eth0", **spec):
    full = {"node": host, "interfaceName": interface, **spec}
    return named("HostEndpoint", f"{host}-hep", full, labels={"role": "node"})


def policy(name, **spec):
    return named(
        "GlobalNetworkPolicy", name, {"selector": "role == 'node'", "types": ["Ingress"]} | spec
    )


def pre_dnat(*ingress):
    return policy(
        "pre", preDNAT=True, applyOnForward=True, types=["Ingress"], ingress=list(ingress)
    )


def service(*backends, **spec):
    full = {
        "type": "NodePort",
        "clusterIP": "10.96.0.7",
        "ports": [{"protocol": "TCP", "port": 80, "nodePort": 30080}],
        **spec,
    }
    slices = named(
        "EndpointSlice", "web", namespace="a", labels={"kubernetes.io/service-name": "web"}
    ) | {
        "addressType": "IPv4",
        "ports": [{"protocol": "TCP", "port": 8080}],
        "endpoints": [
            {"addresses": [PODS[one][1]], "nodeName": PODS[one][0], "conditions": {"ready": True}}
            for one in backends
        ],
    }
    return [named("Service", "web", full, namespace="a"), slices]


def flow(sender, to, port=8080, protocol="TCP", **more):
    return {"from": sender, "to": to, "protocol": protocol, "port": port, "src_port": 40000, **more}


def disposition(objects, one):
    return Model(objects).verdict(one).disposition


POD_TO_POD = flow({"pod": "a/p1"}, {"pod": "a/p2"})
NODE_PORT = flow(OUTSIDE, {"node": "w1"}, 30080)


@pytest.mark.parametrize(
    ("vxlan", "expected"), [("Never", "allowed"), ("CrossSubnet", "allowed"), ("Always", "denied")]
)
def test_a_pre_dnat_denial_of_vxlan_cuts_pods_of_two_nodes_where_it_carries_them(vxlan, expected):
    deny = {"action": "Deny", "protocol": "UDP", "destination": {"ports": [4789]}}
    objects = cluster(host_endpoint("w2"), pre_dnat(deny), vxlan=vxlan)
    assert expected == disposition(objects, POD_TO_POD)


@pytest.mark.parametrize(("vxlan", "expected"), [("Never", "denied"), ("Always", "allowed")])
def test_a_named_endpoint_does_not_see_what_a_tunnel_carries(vxlan, expected):
    deny = {"action": "Deny", "protocol": "TCP"}
    objects = cluster(host_endpoint("w2"), pre_dnat(deny), vxlan=vxlan)
    assert expected == disposition(objects, POD_TO_POD)


def test_a_wildcard_endpoint_sees_what_a_tunnel_carries():
    deny = {"action": "Deny", "protocol": "TCP"}
    objects = cluster(host_endpoint("w2", "*"), pre_dnat(deny), vxlan="Always")
    assert "denied" == disposition(objects, POD_TO_POD)


@pytest.mark.parametrize(("sender", "expected"), [({"node": "w1"}, "allowed"), (OUTSIDE, "denied")])
def test_vxlan_is_let_in_from_nodes_alone(sender, expected):
    objects = cluster(host_endpoint("w2"), vxlan="Always")
    assert expected == disposition(objects, flow(sender, {"node": "w2"}, 4789, "UDP"))


def test_backends_of_one_fate_decide():
    assert "allowed" == disposition(cluster(*service("a/p1", "a/p2")), NODE_PORT)


def test_backends_of_different_fates_leave_it_open():
    deny = {"action": "Deny", "destination": {"nets": [PODS["a/p2"][1]]}}
    objects = cluster(
        *service("a/p1", "a/p2"),
        policy("deny", selector="all()", ingress=[deny, {"action": "Allow"}]),
    )
    assert "unknown" == disposition(objects, NODE_PORT)


@pytest.mark.parametrize(("host", "expected"), [("w1", "allowed"), ("w2", "denied")])
def test_a_local_external_policy_asks_for_a_backend_on_the_node(host, expected):
    objects = cluster(*service("a/p1", externalTrafficPolicy="Local"))
    assert expected == disposition(objects, flow(OUTSIDE, {"node": host}, 30080))


def test_a_source_port_behind_a_masquerade_is_open():
    allow = {"action": "Allow", "protocol": "TCP", "source": {"ports": [40000]}}
    objects = cluster(*service("a/p2"), policy("ports", selector="all()", ingress=[allow]))
    assert "unknown" == disposition(objects, NODE_PORT)
    assert "allowed" == disposition(objects, flow(OUTSIDE, {"pod": "a/p2"}))


ICMP_WITH_CODE = {"action": "Deny", "protocol": "ICMP", "icmp": {"type": 8, "code": 0}}


@pytest.mark.parametrize(
    ("felix", "expected"),
    [
        ({"nftablesMode": "Disabled"}, "allowed"),
        ({"nftablesMode": "Enabled"}, "unknown"),
        ({"bpfEnabled": True}, "allowed"),
        ({"failsafeInboundHostPorts": [{"protocol": "SCTP", "port": 22}]}, "unknown"),
    ],
)
def test_where_programming_fails_or_differs_nothing_is_known(felix, expected):
    objects = cluster(
        policy("icmp", selector="all()", ingress=[ICMP_WITH_CODE, {"action": "Allow"}]), felix=felix
    )
    assert expected == disposition(objects, POD_TO_POD)


def test_a_node_without_told_interfaces_is_unknown():
    objects = copy.deepcopy(cluster(host_endpoint("w2")))
    for one in objects:
        one["metadata"].get("annotations", {}).pop("nodeward.io/interfaces", None)
    assert "unknown" == disposition(objects, flow(OUTSIDE, {"node": "w2"}))


def test_a_configuration_of_the_node_wins_over_the_default():
    objects = cluster(
        host_endpoint("w2"),
        named("FelixConfiguration", "node.w2", {"failsafeInboundHostPorts": []}),
        named("FelixConfiguration", "chosen", {"nodeSelector": "all()"}),
    )
    assert "denied" == disposition(objects, flow(OUTSIDE, {"node": "w2"}, 22))


def test_established_packets_pass_what_new_ones_do_not():
    objects = cluster(host_endpoint("w2"))
    assert "denied" == disposition(objects, flow(OUTSIDE, {"node": "w2"}))
    assert "allowed" == disposition(objects, flow(OUTSIDE, {"node": "w2"}, established=True))


def test_the_deciding_stage_names_tier_policy_and_rule():
    objects = cluster(host_endpoint("w2"), pre_dnat({"action": "Log"}, {"action": "Deny"}))
    found = Model(objects).verdict(flow(OUTSIDE, {"node": "w2"})).decided_by
    assert ("w2", "preDNAT", "ingress", "deny") == (
        found.node,
        found.hook,
        found.direction,
        found.verdict,
    )
    assert ("default", "pre", 1, "rule") == (found.tier, found.policy, found.rule, found.reason)


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [(["mine"], "denied"), (["mine", "projectcalico-default-allow"], "allowed")],
)
def test_rules_of_a_profile_of_ones_own_decide_before_the_next(profiles, expected):
    mine = named("Profile", "mine", {"ingress": [{"action": "Deny", "protocol": "UDP"}]})
    objects = cluster(host_endpoint("w2", profiles=profiles), mine)
    assert expected == disposition(objects, flow(OUTSIDE, {"node": "w2"}))
    udp = flow(OUTSIDE, {"node": "w2"}, protocol="UDP")
    assert "denied" == disposition(objects, udp)


def test_a_release_before_tiers_has_every_policy_in_one():
    deny = policy("deny", tier="first", order=2, ingress=[{"action": "Deny"}])
    allow = policy("allow", order=1, ingress=[{"action": "Allow"}])
    tier = named("Tier", "first", {"order": 1, "defaultAction": "Deny"})
    objects = cluster(host_endpoint("w2"), tier, deny, allow)
    call = flow(OUTSIDE, {"node": "w2"})
    assert ["denied", "allowed"] == [
        Model(objects, minor=minor).verdict(call).disposition for minor in (34, 28)
    ]
