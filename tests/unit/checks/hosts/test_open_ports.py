from __future__ import annotations

from service.checks.control_plane_open import CHECK as CONTROL_PLANE
from service.checks.external_address_unguarded import CHECK as EXTERNAL
from service.checks.host_port_unguarded import CHECK as HOST_PORT
from service.checks.settings import CheckSettings
from service.policy.world import World
from tests.factories import make_hep, make_node, make_pod, make_prednat, make_service, make_snapshot

NODE = make_node("w1", internal="10.0.0.11", interfaces={"eth0": ["10.0.0.11/24"]})
HEP = make_hep(
    "w1-all",
    labels={"role": "node"},
    interfaceName="*",
    expectedIPs=["10.0.0.11"],
    profiles=["projectcalico-default-allow"],
)
PERHAPS = make_prednat(
    "deny-strangers",
    selector="role == 'node'",
    ingress=[{"action": "Deny", "source": {"notSelector": "app == 'probe'"}}],
)


def only(check, *objects):
    (verdict,) = check.audit(World(make_snapshot(*objects)), CheckSettings())
    return verdict


def test_what_is_not_known_of_an_external_address_names_it_with_its_ports_and_nodes():
    service = make_service(ports=(80,), externalIPs=["198.51.100.20"])
    verdict = only(EXTERNAL, NODE, HEP, PERHAPS, service)
    expected = {"nodes": ["w1"], "ports": ["TCP 80"], "address": "198.51.100.20"}
    assert ("unknown", expected) == (verdict.reason, verdict.details)


def test_what_is_not_known_of_the_control_plane_names_its_ports():
    verdict = only(CONTROL_PLANE, NODE, HEP, PERHAPS)
    ports = [
        "the kubelet (10250)",
        "kube-proxy's health check (10256)",
        "kube-proxy's metrics (10249, if it listens beyond 127.0.0.1)",
    ]
    expected = {"nodes": ["w1"], "ports": ports}
    assert ("unknown", expected) == (verdict.reason, verdict.details)


def test_a_listener_before_unknown_addresses_is_told_of_the_nodes_where_it_is():
    heps = [make_hep(f"{node}-all", node=node, interfaceName="*") for node in ("w1", "w2")]
    pod = make_pod(ips="10.244.0.5", node="w1", ports=[{"containerPort": 80, "hostPort": 80}])
    verdicts = HOST_PORT.audit(World(make_snapshot(*heps, pod)), CheckSettings())
    assert [["w1"], ["w1"]] == [one.details["nodes"] for one in verdicts]
