"""Decisions of a door that follows this server, as callers, owners and auditors meet them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from service.journal.reader import Reader
from tests.apiserver.objects import endpoint, node, policy, service
from tests.kube.server import wait_until
from tests.kube.webhook import registration
from tests.webhook_door import WebhookDoor

DEPLOY = Path(__file__).parents[2] / "deploy"
EXCEPTIONS = yaml.safe_load((DEPLOY / "crds/nodewardexceptions.yaml").read_text("utf-8"))
GLASS = "nodeward.io/break-glass"
MODES = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "nodeward-modes", "namespace": "default"},
    "data": {"modes": "nodeport-unguarded=warn"},
}
EXCEPTION = {
    "apiVersion": "nodeward.io/v1alpha1",
    "kind": "NodewardException",
    "metadata": {"name": "borne"},
    "spec": {
        "check": "nodeport-unguarded",
        "scope": {"kind": "Service", "namespace": "default"},
        "reason": "it filters by itself",
        "owner": "net@example.org",
        "ticket": "NET-1",
        "notBefore": "2026-11-01T00:00:00Z",
        "expires": "2027-01-29T00:00:00Z",
    },
}


@pytest.fixture
def door(server, tmp_path):
    """One node with an endpoint and nothing that guards it, and a door that is asked."""
    server.admin.apply(EXCEPTIONS)
    server.admin.apply(node("node1", "192.168.0.11"))
    server.admin.apply(node("node1", "192.168.0.11"), subresource="status")
    server.admin.apply(endpoint("node1"))
    environment = {
        "KUBECONFIG": str(server.kubeconfig),
        "NODEWARD_ENFORCEMENT_CONFIG_MAP": "default/nodeward-modes",
    }
    options = ("--cluster",)
    with WebhookDoor(None, tmp_path / "door", options, environment=environment) as running:
        url = f"https://127.0.0.1:{running.port}/admit"
        authority = running.certificates.authority_certificate
        server.admin.create(registration(url, authority))
        wait_until(lambda: not opened(server, "probe", dryRun="All").ok, within_s=20)
        yield running
    server.admin.delete_all("/apis/nodeward.io/v1alpha1/nodewardexceptions")
    server.admin.request("DELETE", "/api/v1/namespaces/default/configmaps/nodeward-modes")


def opened(server, name="web", client=None, annotations=None, **query):
    """The answer to a Service that opens a node port."""
    one = service(name, type="NodePort")
    one["metadata"]["annotations"] = annotations or {}
    return (client or server.admin).try_create(one, **query)


def records(door):
    return list(Reader(door.journal).records())


def events(server, name):
    """Those of ours about an object of that name; no test empties the server of Events."""
    found = server.admin.items("/api/v1/namespaces/default/events")
    ours = [one for one in found if one.get("reportingComponent") == "nodeward"]
    return [one for one in ours if one["involvedObject"]["name"] == name]


def grant_bypass(server, account):
    rules = [
        {
            "apiGroups": ["checks.nodeward.io"],
            "resources": ["nodeport-unguarded"],
            "verbs": ["bypass"],
        }
    ]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "firefighter"},
        "rules": rules,
    }
    subject = {"kind": "ServiceAccount", "name": account, "namespace": "default"}
    binding = role | {
        "kind": "ClusterRoleBinding",
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "firefighter",
        },
        "subjects": [subject],
    }
    del binding["rules"]
    server.admin.apply(role)
    server.admin.apply(binding)


def may_write(server, account):
    """A caller that may write Services; whether he may bypass is another question."""
    rules = [{"apiGroups": [""], "resources": ["services"], "verbs": ["create", "update", "patch"]}]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "writer"},
        "rules": rules,
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"writer-{account}"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "writer",
        },
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "default"}],
    }
    token = server.service_account(account)
    server.admin.apply(role)
    server.admin.apply(binding)
    return server.client(token)


def test_a_refusal_is_told_recorded_and_announced(server, door):
    refused = opened(server, "announced")
    assert 403 == refused.status
    (record,) = [one for one in records(door) if one["name"] == "announced"]
    assert ("denied", "admin", "Service", "default") == (
        record["answer"],
        record["user"],
        record["kind"],
        record["namespace"],
    )
    assert f"[decision {record['id']}]" in refused.message
    wait_until(lambda: events(server, "announced"), within_s=10, what="an Event")
    (event,) = events(server, "announced")
    assert "AdmissionDenied" == event["reason"]
    assert "CREATE by admin: nodeport-unguarded" in event["message"]


def test_a_dry_run_leaves_no_trace(server, door):
    opened(server, "dry", dryRun="All")
    assert [] == [one for one in records(door) if one["name"] == "dry"]
    assert [] == events(server, "dry")


def test_break_glass_is_for_those_who_hold_the_right(server, door):
    caller = may_write(server, "firefighter")
    pleaded = {GLASS: "incident 7"}
    refused = opened(server, client=caller, annotations=pleaded)
    assert 403 == refused.status
    assert "firefighter may not bypass nodeport-unguarded" in refused.message
    grant_bypass(server, "firefighter")
    wait_until(lambda: opened(server, client=caller, annotations=pleaded).ok, within_s=10)
    record = next(one for one in reversed(records(door)) if one["answer"] == "overridden")
    assert {"way": "break-glass", "reason": "incident 7", "checks": ["nodeport-unguarded"]} == (
        record["override"]
    )
    assert record["warnings"][0].startswith("break-glass: nodeport-unguarded overridden")
    caller.close()


def test_a_guard_is_deleted_only_by_break_glass_and_told_what_it_would_expose(server, door):
    guard = policy("guard")
    server.admin.create(guard)
    assert opened(server).ok
    refused = server.admin.request("DELETE", server.admin.path_of(guard))
    assert 403 == refused.status
    assert "default/web" in refused.message
    server.admin.patch(guard, {"metadata": {"annotations": {GLASS: "incident 7"}}})
    assert server.admin.request("DELETE", server.admin.path_of(guard)).ok
    assert "overridden" == records(door)[-1]["answer"]


def test_all_guards_are_not_deleted_together_either(server, door):
    server.admin.create(policy("guard"))
    assert opened(server).ok
    refused = server.admin.request("DELETE", "/apis/projectcalico.org/v3/globalnetworkpolicies")
    assert 403 == refused.status
    assert ["DELETE"] == [one["operation"] for one in records(door) if one["name"] == "guard"][-1:]


def test_an_endpoint_that_a_guard_needs_is_not_deleted(server, door):
    server.admin.create(policy("guard"))
    assert opened(server).ok
    refused = server.admin.request("DELETE", server.admin.path_of(endpoint("node1")))
    assert (403, True) == (refused.status, "default/web" in refused.message)


def test_an_exception_bears_a_finding_with_a_warning(server, door):
    server.admin.create(EXCEPTION)
    wait_until(lambda: opened(server, "borne", dryRun="All").ok, within_s=10)
    admitted = opened(server, "borne")
    assert (201, True) == (
        admitted.status,
        any("nodeport-unguarded" in warning for warning in admitted.warnings),
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"owner": None}, "spec.owner"),
        ({"ticket": " "}, "spec.ticket"),
        ({"scope": {"kind": "Service"}}, "never for all of a cluster"),
        ({"expires": "2026-10-01T00:00:00Z"}, "expires is not after notBefore"),
        ({"expires": "2027-03-01T00:00:00Z"}, "90 days at most"),
        ({"expires": "soon"}, "spec.expires"),
    ],
)
def test_half_an_exception_is_refused_by_the_server(server, change, told):
    server.admin.apply(EXCEPTIONS)
    path = "/apis/nodeward.io/v1alpha1/nodewardexceptions"
    wait_until(lambda: server.admin.request("GET", path).ok, within_s=20)
    spec = {name: one for name, one in (EXCEPTION["spec"] | change).items() if one is not None}
    refused = server.admin.try_create(EXCEPTION | {"spec": spec})
    assert (422, True) == (refused.status, told in refused.message), refused.message


def test_modes_of_a_config_map_are_in_force_within_seconds(server, door):
    assert 403 == opened(server, dryRun="All").status
    server.admin.create(MODES)
    wait_until(lambda: opened(server, dryRun="All").ok, within_s=15, what="the mode is in force")
    server.admin.delete(MODES)
    wait_until(lambda: not opened(server, dryRun="All").ok, within_s=15, what="it is not any more")
