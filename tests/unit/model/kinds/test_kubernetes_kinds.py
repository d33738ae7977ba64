"""Services, Nodes, Namespaces and EndpointSlices, as the API server would default them."""

from __future__ import annotations

import pytest

from service.model.kinds.endpoint_slice import Endpoint, SlicePort
from service.model.kinds.k8s_service import ServicePort
from service.model.kinds.node import Interface, InterfaceAddress
from service.model.meta import Layer
from service.model.refs import ObjectRef
from service.net.prefixes import Family, parse_ip, parse_network
from tests.factories import decode, make_node, raw


def service(**spec):
    return decode(raw("Service", "web", api_version="v1", spec=spec))


def ported(**port):
    return service(type="NodePort", ports=[{"port": 80, **port}])


def endpoint_slice(**fields):
    fields = {"addressType": "IPv4", "endpoints": [], **fields}
    body = raw("EndpointSlice", api_version="discovery.k8s.io/v1", **fields)
    return decode(body)


def node(**fields):
    return decode(raw("Node", "w1", api_version="v1", **fields))


def test_a_service_takes_the_defaults_of_the_api_server():
    svc = service(ports=[{"port": 80}]).obj
    assert ("ClusterIP", "Cluster", "Cluster", True) == (
        svc.type,
        svc.external_traffic_policy,
        svc.internal_traffic_policy,
        svc.allocate_load_balancer_node_ports,
    )
    assert (ServicePort("", 6, 80, 80, 0, 0),) == svc.ports


def test_the_defaults_of_a_service_are_on_record():
    assert {
        "/metadata/namespace": '"default"',
        "/spec/type": '"ClusterIP"',
        "/spec/externalTrafficPolicy": '"Cluster"',
        "/spec/internalTrafficPolicy": '"Cluster"',
        "/spec/ports/0/protocol": '"TCP"',
        "/spec/ports/0/targetPort": "80",
    } == {one.pointer: one.value for one in service(ports=[{"port": 80}]).defaults}


def test_families_of_a_service_stay_absent_where_absent():
    svc = service(ports=[{"port": 80}]).obj
    assert ((), "") == (svc.ip_families, svc.ip_family_policy)


def test_a_service_is_read_in_full():
    body = raw(
        "Service",
        "web",
        api_version="v1",
        spec={
            "type": "LoadBalancer",
            "selector": {"app": "web"},
            "clusterIP": "10.96.0.5",
            "clusterIPs": ["10.96.0.5", "fd00:96::5"],
            "ipFamilies": ["IPv4", "IPv6"],
            "ipFamilyPolicy": "RequireDualStack",
            "externalIPs": ["192.0.2.7"],
            "loadBalancerSourceRanges": ["198.51.100.0/24"],
            "externalTrafficPolicy": "Local",
            "internalTrafficPolicy": "Local",
            "healthCheckNodePort": 32100,
            "allocateLoadBalancerNodePorts": False,
            "sessionAffinity": "None",
            "ports": [
                {
                    "name": "dns",
                    "protocol": "UDP",
                    "port": 53,
                    "targetPort": "d",
                    "nodePort": 30053,
                    "appProtocol": "dns",
                }
            ],
        },
        status={
            "loadBalancer": {
                "ingress": [
                    {"ip": "192.0.2.10"},
                    {"ip": "192.0.2.11", "ipMode": "VIP"},
                    {"ip": "192.0.2.12", "ipMode": "Proxy"},
                    {"hostname": "lb.example"},
                ]
            }
        },
    )
    one = decode(body)
    svc = one.obj
    assert () == one.problems
    assert (ServicePort("dns", 17, 53, "d", 30053, 0),) == svc.ports
    assert (parse_ip("10.96.0.5"), parse_ip("fd00:96::5")) == svc.cluster_ips
    assert (Family.V4, Family.V6) == svc.ip_families
    assert (parse_ip("192.0.2.10"), parse_ip("192.0.2.11")) == svc.load_balancer_ips
    assert (parse_ip("192.0.2.7"),) == svc.external_ips
    assert (parse_network("198.51.100.0/24"),) == svc.load_balancer_source_ranges
    assert ("Local", "Local", 32100, False, {"app": "web"}) == (
        svc.external_traffic_policy,
        svc.internal_traffic_policy,
        svc.health_check_node_port,
        svc.allocate_load_balancer_node_ports,
        svc.selector,
    )


@pytest.mark.parametrize(
    ("target", "expected"), [(8080, 8080), ("http", "http"), (0, 80), ("", 80)]
)
def test_the_target_of_a_port_is_its_own_number_unless_told(target, expected):
    assert [expected] == [port.target_port for port in ported(targetPort=target).obj.ports]


def test_a_headless_service_has_no_address_and_needs_no_port():
    one = service(clusterIP="None")
    assert (True, (), ()) == (one.obj.headless, one.obj.cluster_ips, one.problems)


def test_source_ranges_may_stand_in_the_old_annotation():
    name = "service.beta.kubernetes.io/load-balancer-source-ranges"
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    body = raw(
        "Service", api_version="v1", spec=spec, annotations={name: "10.0.0.0/8, 192.0.2.0/24"}
    )
    ranges = decode(body).obj.load_balancer_source_ranges
    assert (parse_network("10.0.0.0/8"), parse_network("192.0.2.0/24")) == ranges


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({}, "/spec/ports"),
        ({"type": "Nodeport", "ports": [{"port": 80}]}, "/spec/type"),
        ({"ports": [{"port": 0}]}, "/spec/ports/0/port"),
        ({"ports": [{"port": 70000}]}, "/spec/ports/0/port"),
        ({"ports": [{}]}, "/spec/ports/0/port"),
        ({"ports": [{"port": 80, "protocol": "tcp"}]}, "/spec/ports/0/protocol"),
        ({"ports": [{"port": 80, "targetPort": 70000}]}, "/spec/ports/0/targetPort"),
        ({"ports": [{"port": 80, "targetPort": True}]}, "/spec/ports/0/targetPort"),
        ({"ports": [{"port": 80, "nodePort": 30080}]}, "/spec/ports/0/nodePort"),
        (
            {"type": "NodePort", "ports": [{"port": 80, "nodePort": 70000}]},
            "/spec/ports/0/nodePort",
        ),
        ({"ports": [{"port": 80}, {"port": 81}]}, "/spec/ports"),
        ({"ports": [{"name": "a", "port": 80}, {"name": "a", "port": 81}]}, "/spec/ports"),
        ({"ports": [{"port": 80}], "clusterIP": "banana"}, "/spec/clusterIP"),
        ({"ports": [{"port": 80}], "ipFamilies": ["ipv4"]}, "/spec/ipFamilies/0"),
        ({"ports": [{"port": 80}], "externalIPs": ["10.0.0.0/8"]}, "/spec/externalIPs/0"),
        (
            {"ports": [{"port": 80}], "loadBalancerSourceRanges": ["x"]},
            "/spec/loadBalancerSourceRanges/0",
        ),
        (
            {"ports": [{"port": 80}], "externalTrafficPolicy": "local"},
            "/spec/externalTrafficPolicy",
        ),
    ],
)
def test_a_service_that_no_api_server_takes_is_refused_with_its_place(spec, pointer):
    one = service(**spec)
    assert (Layer.SCHEMA, pointer) in {(p.layer, p.location.pointer) for p in one.problems}
    assert not one.in_effect


@pytest.mark.parametrize(
    ("annotations", "status", "pointer"),
    [
        (None, {"loadBalancer": {"ingress": [{"ip": "x"}]}}, "/status/loadBalancer/ingress/0/ip"),
        (
            {"service.beta.kubernetes.io/load-balancer-source-ranges": "x"},
            {},
            "/metadata/annotations/service.beta.kubernetes.io~1load-balancer-source-ranges",
        ),
    ],
)
def test_a_wrong_address_beside_the_spec_is_told(annotations, status, pointer):
    spec = {"ports": [{"port": 80}]}
    body = raw("Service", api_version="v1", spec=spec, annotations=annotations, status=status)
    assert [pointer] == [problem.location.pointer for problem in decode(body).problems]


def test_a_typo_in_a_service_is_an_unknown_field():
    hints = [problem.hint for problem in ported(nodeport=30080).problems]
    assert ['did you mean "nodePort"?'] == hints


def test_a_node_is_read_in_full():
    one = node(
        labels={"kubernetes.io/os": "linux"},
        annotations={
            "projectcalico.org/IPv4Address": "10.0.0.11/24",
            "projectcalico.org/IPv6Address": "fd00::11/64",
            "projectcalico.org/IPv4VXLANTunnelAddr": "10.244.1.0",
        },
        spec={"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24", "fd01::/64"], "taints": []},
        status={
            "addresses": [
                {"type": "InternalIP", "address": "10.0.0.11"},
                {"type": "ExternalIP", "address": "192.0.2.11"},
                {"type": "Hostname", "address": "w1"},
            ],
            "nodeInfo": {"operatingSystem": "windows"},
        },
    )
    assert () == one.problems
    assert (parse_ip("10.0.0.11"),) == one.obj.internal_ips
    assert (parse_ip("192.0.2.11"),) == one.obj.external_ips
    assert (parse_network("10.244.1.0/24"), parse_network("fd01::/64")) == one.obj.pod_cidrs
    assert (parse_ip("10.0.0.11"), parse_ip("fd00::11")) == one.obj.bgp_addresses
    assert (parse_ip("10.244.1.0"),) == one.obj.tunnel_addresses
    assert ("windows", None) == (one.obj.os, one.obj.interfaces)


@pytest.mark.parametrize(
    ("labels", "os"), [(None, "linux"), ({"kubernetes.io/os": "windows"}, "windows")]
)
def test_the_system_of_a_node_is_linux_unless_told(labels, os):
    assert os == node(labels=labels).obj.os


def test_a_node_with_a_single_pod_cidr_has_that():
    one = node(spec={"podCIDR": "10.244.1.0/24"})
    assert ((parse_network("10.244.1.0/24"),), ()) == (one.obj.pod_cidrs, one.problems)


@pytest.mark.parametrize(
    ("fields", "layer"),
    [
        ({"spec": {"podCIDR": "x"}}, Layer.SCHEMA),
        ({"status": {"addresses": [{"type": "InternalIP", "address": "x"}]}}, Layer.RUNTIME),
        ({"annotations": {"projectcalico.org/IPv4Address": "x/24"}}, Layer.RUNTIME),
    ],
)
def test_a_wrong_address_of_a_node_is_told(fields, layer):
    assert [layer] == [problem.layer for problem in node(**fields).problems]


def test_the_interfaces_of_a_node_keep_their_order():
    interfaces = {"eth1": ["10.0.0.11/24", "fd00::11/64"], "eth0": []}
    assert (
        Interface(
            "eth1",
            (
                InterfaceAddress(parse_ip("10.0.0.11"), 24),
                InterfaceAddress(parse_ip("fd00::11"), 64),
            ),
        ),
        Interface("eth0", ()),
    ) == make_node(interfaces=interfaces).interfaces


@pytest.mark.parametrize(
    "text",
    [
        "",
        "eth0",
        "[]",
        "7",
        '["eth0"]',
        '{"eth0": "10.0.0.1/24"}',
        '{"eth0": [7]}',
        '{"eth0": ["banana"]}',
        '{"eth0": ["10.0.0.1/33"]}',
        '{"eth0": [], "eth0": []}',
        "[" * 100_000,
    ],
)
def test_interfaces_that_cannot_be_read_are_not_used(text):
    one = node(annotations={"nodeward.io/interfaces": text})
    assert (None, [Layer.RUNTIME]) == (one.obj.interfaces, [p.layer for p in one.problems])


def test_an_endpoint_slice_is_read_in_full():
    one = endpoint_slice(
        namespace="web",
        labels={"kubernetes.io/service-name": "web"},
        ports=[{"name": "http", "port": 8080}, {"protocol": "UDP"}],
        endpoints=[
            {
                "addresses": ["10.244.1.5"],
                "conditions": {"ready": False, "serving": True, "terminating": True},
                "nodeName": "w1",
                "targetRef": {"kind": "Pod", "name": "web-1", "uid": "u"},
                "zone": "z",
            },
            {"addresses": ["10.244.1.6"], "targetRef": {"kind": "Node", "name": "w1"}},
        ],
    )
    assert () == one.problems
    assert ("web", Family.V4) == (one.obj.service, one.obj.family)
    assert (SlicePort("http", 6, 8080), SlicePort("", 17, None)) == one.obj.ports
    pod = ObjectRef("", "Pod", "web", "web-1")
    assert (
        Endpoint((parse_ip("10.244.1.5"),), ready=False, terminating=True, node_name="w1", pod=pod),
        Endpoint((parse_ip("10.244.1.6"),)),
    ) == one.obj.endpoints


@pytest.mark.parametrize("value", [True, False])
def test_an_endpoint_serves_unless_it_is_told_not_to(value):
    endpoints = [
        {"addresses": ["10.0.0.1"], "conditions": {"ready": False}},
        {"addresses": ["10.0.0.2"], "conditions": {"ready": False, "serving": value}},
    ]
    found = endpoint_slice(endpoints=endpoints).obj.endpoints
    assert [(False, True, False), (False, value, False)] == [
        (one.ready, one.serving, one.terminating) for one in found
    ]


def test_a_slice_of_host_names_has_no_family_and_no_address():
    one = endpoint_slice(addressType="FQDN", endpoints=[{"addresses": ["a.example"]}])
    assert (None, (Endpoint(()),), ()) == (one.obj.family, one.obj.endpoints, one.problems)


@pytest.mark.parametrize(
    "fields",
    [
        {"addressType": "ipv4"},
        {"ports": [{"port": 0}]},
        {"endpoints": [{"addresses": ["banana"]}]},
    ],
)
def test_a_slice_that_no_api_server_takes_is_refused(fields):
    assert Layer.SCHEMA in {problem.layer for problem in endpoint_slice(**fields).problems}


def test_a_namespace_is_its_labels():
    labels = {"env": "prod"}
    body = raw(
        "Namespace", "a", api_version="v1", labels=labels, spec={"finalizers": ["kubernetes"]}
    )
    one = decode(body)
    assert (labels, ()) == (one.obj.meta.labels, one.problems)
