"""The admission door over a live cluster, asked by the API server that it watches."""

from __future__ import annotations

import threading
import time

import pytest

from tests.apiserver.objects import endpoint, node, policy, service
from tests.kube.server import paused, wait_until
from tests.kube.webhook import registration
from tests.webhook_door import WebhookDoor

PAIRS = 100
PORTS = range(30001, 32000)


def guard(port):
    """A policy that guards one port, and nothing else."""
    rule = {"action": "Deny", "protocol": "TCP", "destination": {"ports": [port]}}
    return policy(f"guard-{port}", ingress=[rule])


def opened(port):
    return service(f"s{port}", type="NodePort", ports=[{"port": 80, "nodePort": port}])


@pytest.fixture
def door(server, tmp_path):
    """A door that watches the server, and is asked by it; of one node, with an endpoint."""
    server.admin.apply(node("node1", "192.168.0.11"))
    server.admin.apply(node("node1", "192.168.0.11"), subresource="status")
    server.admin.apply(endpoint("node1"))
    environment = {"KUBECONFIG": str(server.kubeconfig)}
    with WebhookDoor(None, tmp_path, ("--cluster",), environment) as door:
        url = f"https://127.0.0.1:{door.port}/admit"
        server.admin.create(registration(url, door.certificates.authority_certificate))
        wait_until(
            lambda: server.admin.try_create(opened(30000), dryRun="All").status == 403,
            within_s=20,
            what="the server asks the door",
        )
        yield door


def reads(door):
    """Direct reads of each kind so far."""
    lines = door.request("GET", "/metrics").body.decode().splitlines()
    found = [one.split() for one in lines if one.startswith("nodeward_direct_reads_total{")]
    return {name: float(value) for name, value in found}


def test_a_service_that_nobody_guards_is_refused_and_told_what_comes_first(server, door):
    refused = server.admin.try_create(opened(30001))
    assert 403 == refused.status
    assert "If the GlobalNetworkPolicy comes with the Service, it must be applied first" in (
        refused.message
    )


def test_a_policy_and_its_service_back_to_back_are_admitted(server, door):
    refused = []
    for port in PORTS[:PAIRS]:
        server.admin.create(guard(port))
        answer = server.admin.try_create(opened(port))
        if not answer.ok:
            refused.append(answer.message)
        else:
            server.admin.delete(opened(port))
        server.admin.delete(guard(port))
    assert [] == refused


def test_an_allow_and_then_a_deny_back_to_back_are_admitted(server, door):
    """The deny alone would cut the other node off from the API server."""
    for subresource in ("", "status"):
        server.admin.apply(node("node2", "192.168.0.12"), subresource=subresource)
    server.admin.apply(endpoint("node2", "node2"))
    server.admin.apply(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "kubernetes",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": "kubernetes"},
            },
            "addressType": "IPv4",
            "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
            "endpoints": [{"addresses": ["192.168.0.11"], "nodeName": "node1"}],
        }
    )
    allow = policy(
        "allow",
        action="Allow",
        order=1,
        ingress=[{"action": "Allow", "protocol": "TCP", "destination": {"ports": [6443]}}],
    )
    deny = policy("deny", order=2)
    alone = server.admin.try_create(deny)
    refused = []
    for _ in range(PAIRS):
        server.admin.create(allow)
        answer = server.admin.try_create(deny)
        if not answer.ok:
            refused.append(answer.message)
        else:
            server.admin.delete(deny)
        server.admin.delete(allow)
    assert (403, []) == (alone.status, refused)


def test_many_denials_cost_two_reads_a_kind_and_second(server, door):
    before = reads(door)
    began = time.monotonic()
    statuses = []

    def ask(port):
        client = server.client(server.admin.token)
        statuses.append(client.try_create(opened(port)).status)
        client.close()

    asking = [threading.Thread(target=ask, args=(port,)) for port in PORTS[:50]]
    for one in asking:
        one.start()
    for one in asking:
        one.join(60)
    seconds = int(time.monotonic() - began) + 1
    assert [403] * 50 == statuses
    assert {} == {
        kind: count
        for kind, count in reads(door).items()
        if count - before.get(kind, 0) > 2 * seconds
    }


def test_every_answer_tells_revision_and_age(server, door):
    answer = door.request("GET", "/readyz")
    assert ("ready", []) == (answer.json["status"], answer.json["waiting"])
    body = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "operation": "CREATE",
            "kind": {"group": "", "version": "v1", "kind": "Service"},
            "object": service("inside"),
        },
    }
    response = door.admit(body).json["response"]
    assert int(response["auditAnnotations"]["revision"]) > 0
    assert response["auditAnnotations"]["age"].endswith("s")


def test_while_the_cluster_is_not_known_only_the_harmless_passes(server, tmp_path):
    server.admin.apply(node("node1", "192.168.0.11"))
    server.admin.apply(endpoint("node1"))
    server.admin.create(policy("guard"))
    environment = {
        "KUBECONFIG": str(server.kubeconfig),
        "NODEWARD_CLUSTER_STALE_AFTER_S": "1",
    }

    def asked(operation, spec):
        whole = service("web", **spec)
        request = {
            "uid": "1",
            "operation": operation,
            "kind": {"group": "", "version": "v1", "kind": "Service"},
            "object" if operation == "CREATE" else "oldObject": whole,
        }
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        return door.admit({**review, "request": request}).json["response"]

    node_port = {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}
    with WebhookDoor(None, tmp_path, ("--cluster",), environment) as door:
        assert asked("CREATE", node_port)["allowed"]
        with paused(server):
            time.sleep(1.5)
            opening, closing = asked("CREATE", node_port), asked("DELETE", node_port)
        assert (False, 503) == (opening["allowed"], opening["status"]["code"])
        assert "opens node ports" in opening["status"]["message"]
        assert (True, True) == (closing["allowed"], "last knew all" in closing["warnings"][0])
        wait_until(lambda: asked("CREATE", node_port)["allowed"], within_s=30)
