"""Questions about sets of flows, asked over REST."""

from __future__ import annotations

import pytest

from service.api import flows

CLUSTER = """\
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.168.0.11}]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: n1, labels: {role: node}}
spec: {node: n1, interfaceName: eth0, expectedIPs: [192.168.0.11], profiles: [projectcalico-default-allow]}
"""
POLICY = """\
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: shut}
spec:
  selector: role == 'node'
  types: [Ingress]
  ingress: [{action: Deny, protocol: TCP, destination: {ports: [9100]}}, {action: Allow}]
"""
PODS = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c}]}
status: {phase: Running, podIP: 10.244.1.10, podIPs: [{ip: 10.244.1.10}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {nodeName: n1, containers: [{name: c}]}
status: {phase: Running, podIP: 10.244.1.11, podIPs: [{ip: 10.244.1.11}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]
"""
SHUT = {"group": "projectcalico.org", "kind": "GlobalNetworkPolicy", "name": "shut"}
QUESTION = {"from": {"outside": True}, "to": {"node": "n1"}, "family": 4}


@pytest.fixture
def audited(client):
    """The id of an audit of some texts."""

    def upload(*texts):
        manifests = [{"name": f"{at}.yaml", "content": text} for at, text in enumerate(texts)]
        return client.post("/v1/audits", json={"manifests": manifests}).json["id"]

    return upload


def told(answer):
    return [(one["turn"], one["flows"], one["alone"]) for one in answer["turned"]]


def closed():
    flow = {"protocol": ["TCP"], "port": ["9100"]}
    return [("closed", [flow], ["GlobalNetworkPolicy shut"])]


def test_connectivity_tells_which_pods_may_call_which(client, audited):
    answer = client.post("/v1/connectivity", json={"audit": audited(CLUSTER, PODS)}).json
    assert [["shop/web"], ["shop/db"]] == [one["pods"] for one in answer["classes"]]
    only_5432 = [{"protocol": ["TCP"], "port": ["5432"]}]
    web_to_db = [one for one in answer["connections"] if (one["from"], one["to"]) == (0, 1)]
    assert [("allowed", only_5432)] == [(one["disposition"], one["flows"]) for one in web_to_db]


def test_connectivity_of_no_family_that_there_is_is_refused(client, audited):
    body = {"audit": audited(CLUSTER), "family": 5}
    assert 400 == client.post("/v1/connectivity", json=body).status_code


def test_reach_tells_what_gets_through(client, audited):
    body = {"audit": audited(CLUSTER, POLICY), "question": QUESTION}
    answer = client.post("/v1/reach", json=body).json
    denied = [one for one in answer["parts"] if one["disposition"] == "denied"]
    assert [[{"protocol": ["TCP"], "port": ["9100"]}]] == [one["flows"] for one in denied]
    assert ["GlobalNetworkPolicy shut"] == [one["policy"] for one in denied[0]["causes"]]


def test_a_change_set_is_told_by_what_it_opens_and_closes(client, audited):
    manifests = [{"name": "shut.yaml", "content": POLICY}]
    body = {"audit": audited(CLUSTER), "question": QUESTION, "manifests": manifests}
    answer = client.post("/v1/diff", json=body).json
    assert closed() == told(answer)
    assert [{"object": "GlobalNetworkPolicy shut", "operation": "CREATE"}] == answer["changes"]


def test_what_is_deleted_opens_what_it_shut(client, audited):
    body = {"audit": audited(CLUSTER, POLICY), "question": QUESTION, "deleted": [SHUT]}
    turns = [one["turn"] for one in client.post("/v1/diff", json=body).json["turned"]]
    assert ["opened"] == turns


def test_two_audits_are_compared(client, audited):
    body = {"audit": audited(CLUSTER), "other": audited(CLUSTER, POLICY), "question": QUESTION}
    assert closed() == told(client.post("/v1/diff", json=body).json)


@pytest.mark.parametrize(
    ("path", "changed", "pointer"),
    [
        ("/v1/reach", {"question": {"port": 0}}, "/question/port"),
        ("/v1/diff", {"question": {"to": {"node": 3}}}, "/question/to/node"),
        ("/v1/diff", {"deleted": [SHUT]}, "/deleted/0"),
        ("/v1/diff", {"manifests": [{"name": "a", "content": "a: ["}]}, "/manifests"),
        ("/v1/diff", {"other": "x", "deleted": [SHUT]}, "/other"),
    ],
)
def test_what_cannot_be_used_is_pointed_at(client, audited, path, changed, pointer):
    answer = client.post(path, json={"audit": audited(CLUSTER), "question": QUESTION, **changed})
    assert 400 == answer.status_code
    assert [pointer] == [one["pointer"] for one in answer.json["errors"]]


@pytest.mark.parametrize("path", ["/v1/reach", "/v1/diff"])
def test_a_question_that_would_take_too_long_is_refused(client, audited, monkeypatch, path):
    monkeypatch.setattr(flows, "WALKS", 0)
    manifests = [] if path == "/v1/reach" else [{"name": "a", "content": POLICY}]
    body = {"audit": audited(CLUSTER), "question": QUESTION}
    answer = client.post(path, json=body | ({"manifests": manifests} if manifests else {}))
    assert (400, "/problems/question-too-open") == (answer.status_code, answer.json["type"])
