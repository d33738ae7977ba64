"""What a real API server tells a validating webhook of node ports, and when."""

from __future__ import annotations

import pytest

from tests.kube.client import RefusedError
from tests.kube.webhook import Recorder, registration


@pytest.fixture
def recorder(server):
    with Recorder(server.certificates) as recorder:
        recorder.register(server.admin)
        yield recorder


def service(name="web", **spec):
    defaults = {"type": "NodePort", "selector": {"app": name}, "ports": [{"port": 80}]}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": defaults | spec,
    }


def node_port(found):
    return found["spec"]["ports"][0].get("nodePort")


def test_a_dry_run_shows_a_node_port_beyond_the_range(server, recorder):
    created = server.admin.create(service(), dryRun="All")
    [review] = recorder.reviews
    assert (32769, True, 32769) == (
        node_port(created),
        review["dryRun"],
        node_port(review["object"]),
    )


def test_a_create_has_its_node_port_before_the_webhook_is_asked(server, recorder):
    created = server.admin.create(service())
    [review] = recorder.reviews
    assert node_port(created) == node_port(review["object"])
    assert 30000 <= node_port(created) <= 32767


def test_an_update_has_its_node_port_before_the_webhook_is_asked(server, recorder):
    server.admin.create(service(type="ClusterIP"))
    updated = server.admin.patch(service(), {"spec": {"type": "NodePort"}})
    before, after = (node_port(recorder.reviews[-1][key]) for key in ("oldObject", "object"))
    assert (None, node_port(updated)) == (before, after)
    assert 30000 <= after <= 32767


@pytest.mark.parametrize("before", [None, "ClusterIP"], ids=["created", "updated"])
def test_the_health_check_port_is_there_before_the_webhook_is_asked(server, recorder, before):
    wanted = service(type="LoadBalancer", externalTrafficPolicy="Local")
    if before:
        server.admin.create(service(type=before))
        stored = server.admin.patch(wanted, {"spec": wanted["spec"]})
    else:
        stored = server.admin.create(wanted)
    asked = recorder.reviews[-1]["object"]["spec"]["healthCheckNodePort"]
    assert stored["spec"]["healthCheckNodePort"] == asked
    assert 30000 <= asked <= 32767


def test_the_server_adds_its_time_limit_to_the_url(server, recorder):
    server.admin.create(service())
    assert ["/admit?timeout=10s"] == recorder.paths


def test_a_webhook_url_may_have_no_query_of_its_own(server):
    made = registration(
        "https://127.0.0.1:9443/admit?a=b", server.certificates.authority_certificate
    )
    with pytest.raises(RefusedError, match="query parameters are not permitted in the URL"):
        server.admin.create(made)
