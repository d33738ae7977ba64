"""What the REST API answers about changes that nobody has made yet."""

from __future__ import annotations

import pytest
import yaml

from tests.contract.test_api import OPEN_SERVICE, body

API_SERVER = """\
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kubernetes, labels: {kubernetes.io/service-name: kubernetes}}
addressType: IPv4
ports: [{name: https, protocol: TCP, port: 6443}]
endpoints: [{addresses: [192.168.0.11]}]
"""
SUGGEST = {"service": "shop/web", "sources": ["198.51.100.0/24"]}


@pytest.fixture
def audit(client):
    return client.post("/v1/audits", json=body(OPEN_SERVICE, API_SERVER)).json["id"]


def test_a_suggestion_is_a_manifest(client, audit):
    told = client.post("/v1/suggest", json={**SUGGEST, "audit": audit}).json
    kinds = [one["kind"] for one in yaml.safe_load_all(told["yaml"])]
    assert ["HostEndpoint", "GlobalNetworkPolicy"] == kinds
    assert ("shop/web", ["198.51.100.0/24"], [], "") == (
        told["service"],
        told["sources"],
        told["also"],
        told["refused"],
    )


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"sources": []}, 400),
        ({"sources": ["300.0.0.0/8"]}, 400),
        ({"service": "shop/gone"}, 404),
        ({"audit": "none"}, 404),
        ({"more": 1}, 400),
    ],
)
def test_what_cannot_be_suggested_is_a_problem(client, audit, changed, status):
    answer = client.post("/v1/suggest", json={**SUGGEST, "audit": audit, **changed})
    assert (status, "application/problem+json") == (answer.status_code, answer.content_type)


WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: []}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
"""


def test_the_policy_of_a_workload_is_told_with_what_labels_would_change(client):
    audit = client.post("/v1/audits", json=body(WEB)).json["id"]
    asked = {"workload": "shop/web", "labels": {"app": None}, "audit": audit}
    (told,) = client.post("/v1/workload", json=asked).json["items"]
    assert ["NetworkPolicy shop/deny"] == [one["policy"] for one in told["earned"]]
    assert {"opened"} == {one["turn"] for one in told["turned"]}


def test_a_workload_that_is_not_there_is_a_problem(client, audit):
    answer = client.post("/v1/workload", json={"workload": "shop/gone", "audit": audit})
    assert 404 == answer.status_code
