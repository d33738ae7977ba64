"""The admission door over a live cluster, asked by the API server that it watches."""

from __future__ import annotations

import time

from tests.apiserver.objects import endpoint, node, policy, service
from tests.kube.server import paused, wait_until
from tests.webhook_door import WebhookDoor


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
        "NODEWARD_CLUSTER_STALE_AFTER_S": "3",
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
            time.sleep(3.5)
            opening, closing = asked("CREATE", node_port), asked("DELETE", node_port)
        assert (False, 503) == (opening["allowed"], opening["status"]["code"])
        assert "opens node ports" in opening["status"]["message"]
        assert (True, True) == (closing["allowed"], "last knew all" in closing["warnings"][0])
        wait_until(lambda: asked("CREATE", node_port)["allowed"], within_s=30)
