"""The way of one packet to a Service: what kube-proxy does with it, and who judges before and after."""

from __future__ import annotations

import pytest

from service.net.prefixes import parse_cidr
from service.policy.profile import ClusterProfile
from tests.factories import make_felix_configuration, make_gnp, make_hep, make_prednat, raw
from tests.trace_factories import (
    EGRESS_ANY,
    POD_ON_W1,
    POD_ON_W2,
    W1,
    W2,
    allow,
    answer,
    disposition,
    met,
    via,
    w1_hep,
    web,
    world,
)


def test_a_node_port_is_judged_before_it_is_translated():
    where = world(w1_hep(), make_prednat(), *web(POD_ON_W2))
    assert ("w1", "preDNAT", "deny") == met(where, port=30080)[-1]


def test_a_node_port_goes_on_to_a_pod_that_is_not_known():
    found = answer(world(w1_hep(), *web(POD_ON_W2)), port=30080)
    assert ["untracked", "preDNAT", "dnat", "forward"] == [stage.hook for stage in found.stages]
    assert ("unknown", "allowed") == (found.disposition, found.at_host)
    assert "what pod has 10.244.2.10 is not known" in found.unknown[0]


def test_forward_policy_sees_the_backend():
    forward = allow(8080, applyOnForward=True)
    assert "allowed" == answer(world(w1_hep(), forward, *web(POD_ON_W2)), port=30080).at_host
    forward = allow(30080, applyOnForward=True)
    assert "denied" == answer(world(w1_hep(), forward, *web(POD_ON_W2)), port=30080).at_host


def test_backends_that_are_not_known_have_the_target_port():
    service = web(ports=[{"name": "p0", "port": 80, "targetPort": 8080, "nodePort": 30080}])[0]
    for port, fate in ((8080, "allowed"), (80, "denied")):
        forward = allow(port, applyOnForward=True)
        assert fate == answer(world(w1_hep(), forward, service), port=30080).at_host


def test_backends_that_fare_differently_leave_it_unknown():
    found = answer(world(w1_hep(), *web((W1, "w1"), (W2, "w2"))), port=30080)
    assert "unknown" == found.at_host
    assert "which backend kube-proxy picks" in found.unknown


def test_a_backend_on_the_host_itself_meets_the_hosts_policy():
    where = world(w1_hep(), *web((W1, "w1")))
    assert ("w1", "normal", "deny") == met(where, port=30080)[-1]


def test_without_a_backend_on_the_node_a_local_service_drops():
    where = world(*web(POD_ON_W2, externalTrafficPolicy="Local"))
    assert "denied" == disposition(where, port=30080)
    assert "unknown" == disposition(where, port=30080, to={"node": "w2"})


def test_an_untracked_packet_is_not_translated():
    untracked = make_gnp(
        "ut", doNotTrack=True, applyOnForward=True, ingress=[{"action": "Allow"}], types=["Ingress"]
    )
    where = world(w1_hep(), untracked, *web(POD_ON_W2))
    assert ("w1", "dnat", "deny") == met(where, port=30080)[-1]


def test_a_service_is_called_by_the_address_that_the_flow_names():
    where = world(w1_hep(), *web(POD_ON_W2))
    for to in ({"service": "default/web", "as": "nodePort"}, {"node": "w1"}):
        found = answer(where, port=30080, to=to, via=via())
        assert "dnat" == found.stages[2].hook
    found = answer(where, port=80, to={"service": "default/web", "as": "nodePort"}, via=via())
    assert "dnat" == found.stages[2].hook


@pytest.mark.parametrize(
    ("mode", "fate"), [("Disabled", "allowed"), ("Enabled", "denied"), ("Auto", "unknown")]
)
def test_nftables_judges_a_hosts_call_at_the_first_interface_already(mode, fate):
    felix = make_felix_configuration(nftablesMode=mode)
    where = world(w1_hep(), felix, *web(POD_ON_W1))
    call = {"from": {"node": "w1"}, "to": {"ip": "10.96.0.9"}, "port": 80}
    assert fate == disposition(where, **call)


def test_a_source_outside_the_ranges_of_a_balancer_is_dropped():
    _, slices = web(POD_ON_W2)
    body = raw(
        "Service",
        "web",
        api_version="v1",
        namespace="default",
        spec={
            "type": "LoadBalancer",
            "ports": [{"name": "p0", "port": 443, "nodePort": 30080}],
            "loadBalancerSourceRanges": ["198.51.100.0/24"],
        },
        status={"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}},
    )
    where = world(body, slices)
    to_balancer = {"to": {"ip": "192.0.2.10"}, "port": 443, "via": via()}
    assert "denied" == disposition(where, **to_balancer)
    assert "unknown" == disposition(where, **to_balancer, **{"from": {"ip": "198.51.100.7"}})
    assert "unknown" == disposition(where, port=30080)


def test_a_service_without_an_endpoint_drops_what_calls_it():
    assert ("w1", "dnat", "deny") == met(world(*web()), port=30080)[-1]
    call = {"from": {"node": "w1"}, "to": {"ip": "10.96.0.9"}, "port": 80}
    assert ("w1", "dnat", "deny") == met(world(*web()), **call)[-1]


def test_a_host_always_reaches_its_own_pods():
    felix = make_felix_configuration(nftablesMode="Disabled")
    call = {"from": {"node": "w1"}, "to": {"ip": "10.96.0.9"}, "port": 80}
    where = world(w1_hep(), felix, *web(POD_ON_W1))
    assert ("w1", "workload", "skipped") == met(where, **call)[-1]
    where = world(w1_hep(), felix, *web(POD_ON_W2))
    assert ("w1", "normal", "deny") == met(where, **call)[-1]


def test_a_host_that_calls_a_backend_on_another_host_is_judged_there_by_its_address():
    felix = make_felix_configuration(nftablesMode="Enabled")
    w2 = make_hep("w2-eth0", node="w2", labels={"at": "w2"}, expectedIPs=[W2])
    rule = {"action": "Allow", "source": {"nets": [f"{W1}/32"]}}
    from_w1 = make_gnp("from-w1", selector="at == 'w2'", types=["Ingress"], ingress=[rule])
    call = {"from": {"node": "w1"}, "to": {"ip": "10.96.0.9"}, "port": 80}
    where = world(w2, felix, from_w1, *web((W2, "w2")))
    assert "allowed" == disposition(where, **call)
    assert ("w2", "normal", "allow") == met(where, **call)[-1]


def test_a_backend_on_the_calling_host_itself_is_reached_over_loopback():
    wildcard = make_hep("w1-all", interfaceName="*")
    call = {"from": {"node": "w1"}, "to": {"ip": "10.96.0.9"}, "port": 80}
    felix = make_felix_configuration(nftablesMode="Disabled")
    where = world(wildcard, felix, EGRESS_ANY, *web((W1, "w1")))
    hooks = ["untracked", "dnat", "normal", "untracked", "preDNAT", "normal"]
    assert hooks == [stage[1] for stage in met(where, **call)]


def test_a_port_criterion_behind_masquerade_is_unknown():
    w2 = make_hep("w2-eth0", node="w2", expectedIPs=[W2])
    rule = {"action": "Allow", "protocol": "TCP", "source": {"ports": ["1024:30000"]}}
    by_port = make_gnp("by-port", types=["Ingress"], ingress=[rule])
    found = answer(world(w2, by_port, *web((W2, "w2"))), port=30080)
    assert ("the verdict depends on the source that masquerade picks",) == found.unknown


def test_whether_an_untracked_packet_is_translated_may_not_be_known():
    rule = {"action": "Allow", "protocol": "TCP", "source": {"ports": ["1024:30000"]}}
    untracked = make_gnp(
        "ut", doNotTrack=True, applyOnForward=True, ingress=[rule], types=["Ingress"]
    )
    found = answer(world(w1_hep(), untracked, *web(POD_ON_W2)), port=30080, src_port=None)
    assert "unknown" == found.disposition
    assert "whether the packet is translated for nodePort of Service default/web" in found.unknown


def test_where_a_hosts_untracked_packet_to_a_service_goes_is_not_known():
    untracked = make_gnp(
        "ut", doNotTrack=True, applyOnForward=True, egress=[{"action": "Allow"}], types=["Egress"]
    )
    call = {"from": {"node": "w1"}, "to": {"ip": "10.96.0.9"}, "port": 80}
    found = answer(world(w1_hep(), untracked, *web(POD_ON_W2)), **call)
    assert "where routers send it, no object tells" in found.unknown[0]


@pytest.mark.parametrize(("node", "expected"), [("w1", "denied"), ("w2", "allowed")])
def test_routes_of_services_tell_where_an_untranslated_packet_goes(node, expected):
    untracked = make_gnp(
        "ut", doNotTrack=True, applyOnForward=True, egress=[{"action": "Allow"}], types=["Egress"]
    )
    call = {"from": {"node": "w1"}, "to": {"ip": "10.96.0.9"}, "port": 80}
    routes = ClusterProfile(routes=((parse_cidr("10.96.0.0/12"), node),))
    where = world(w1_hep(), untracked, *web((W2, "w2")), profile=routes)
    assert expected == answer(where, **call).at_host


def test_a_port_that_a_service_has_not_is_nobodys_on_its_virtual_address():
    call = {"from": {"node": "w1"}, "to": {"ip": "10.96.0.9"}, "port": 81}
    assert "where routers send it" in answer(world(*web(POD_ON_W2)), **call).unknown[0]


def test_where_routers_send_a_packet_back_nobody_answers():
    call = {"to": {"ip": "10.96.0.9"}, "port": 81, "via": via()}
    assert "denied" == disposition(world(*web(POD_ON_W2)), **call)


def test_node_ports_answer_on_the_addresses_that_kube_proxy_was_told():
    bounded = ClusterProfile(node_port_addresses=(parse_cidr("10.1.0.0/16"),))
    where = world(*web((W2, "w2")), profile=bounded)
    assert [("w1", "untracked", "undecided"), ("w1", "preDNAT", "undecided")] == (
        met(where, port=30080)[:2]
    )
    assert "dnat" not in [stage[1] for stage in met(where, port=30080)]


def test_a_host_does_not_know_the_backends_of_a_service_without_slices():
    service, _ = web()
    call = {"from": {"node": "w1"}, "to": {"ip": "10.96.0.9"}, "port": 80}
    found = answer(world(service), **call)
    assert ("the backends of clusterIP of Service default/web are not known",) == found.unknown


def test_node_ports_on_loopback_depend_on_kube_proxy():
    call = {"from": {"node": "w1"}, "to": {"ip": "127.0.0.1"}, "port": 30080}
    found = answer(world(*web(POD_ON_W1)), **call)
    assert ("whether node ports answer on loopback depends on kube-proxy",) == found.unknown


def test_there_are_no_node_ports_on_the_loopback_of_ipv6():
    call = {"from": {"node": "w1"}, "to": {"ip": "::1"}, "port": 30080}
    assert "allowed" == disposition(world(*web(POD_ON_W1)), **call)


def test_translations_in_a_circle_end():
    there, _ = web(ports=[{"name": "p0", "port": 80, "nodePort": 8080}])
    _, back = web((W1, "w1"), (W2, "w2"))
    found = answer(world(there, back), port=8080)
    assert "the packet is translated again and again: where that ends" in found.unknown


@pytest.mark.parametrize(
    ("access", "port", "why"),
    [
        ("loadBalancer", 80, "has no loadBalancer address of IPv4 that is known"),
        ("nodePort", 8080, "has no node port for port 8080"),
    ],
)
def test_a_service_that_is_not_called_so_is_unknown(access, port, why):
    to = {"service": "default/web", "as": access}
    found = answer(world(*web(POD_ON_W1)), to=to, port=port, via=via())
    assert why in found.unknown[0]


def test_a_node_port_needs_a_node():
    found = answer(world(*web(POD_ON_W1)), to={"service": "default/web", "as": "nodePort"})
    assert ("a node port is on every node: via must name one",) == found.unknown


def test_people_read_who_calls_whom():
    texts = [
        answer(world(*web(POD_ON_W1)), **changed).to_text().splitlines()[0]
        for changed in (
            {"to": {"service": "default/web"}, "port": 80, "via": via()},
            {"from": {"pod": "a/b"}, "to": {"ip": "192.0.2.1"}},
        )
    ]
    assert [
        "TCP 203.0.113.9 -> clusterIP of Service default/web port 80 via w1 eth0: unknown",
        "TCP pod a/b -> 192.0.2.1 port 9100: unknown",
    ] == texts
