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
