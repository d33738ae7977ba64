"""The custom kinds of these tests refuse, default and prune what Calico's own were measured to."""

from __future__ import annotations

import json

import pytest

from tests.conformance.test_objects import ROWS
from tests.kube import contents, crds


@pytest.fixture(scope="module")
def stored_group(shared_server):
    """The same kinds as CRDs of crd.projectcalico.org/v1, beside the others."""
    contents.empty(shared_server.admin)
    contents.install(shared_server.admin, crds.STORED)
    yield shared_server
    contents.uninstall(shared_server.admin, crds.STORED)


def outcome(server, one):
    """What a create with strict field validation would do: the word of the data, and what is stored."""
    answer = server.admin.try_create(one, fieldValidation="Strict", dryRun="All")
    assert answer.status in {201, 400, 422}, answer.message
    return ("accepts", answer.json["spec"]) if answer.ok else ("rejects", None)


def measured(row):
    if row["api_server"] == "rejects":
        return "rejects", None
    return "accepts", row.get("stored_spec", row["object"]["spec"])


@pytest.mark.parametrize("version", ["projectcalico.org/v3", "crd.projectcalico.org/v1"])
def test_every_measured_object_fares_as_with_calicos_own_definitions(stored_group, version):
    differing = [
        (row["why"], measured(row), found)
        for row in ROWS
        if measured(row)
        != (found := outcome(stored_group, row["object"] | {"apiVersion": version}))
    ]
    assert [] == differing


def test_a_typo_is_pruned_unless_field_validation_is_strict(server):
    policy = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "GlobalNetworkPolicy",
        "metadata": {"name": "typo"},
        "spec": {"preDnat": True, "selector": "all()", "ingress": [{"action": "Deny"}]},
    }
    assert 400 == server.admin.try_create(policy, fieldValidation="Strict").status
    warned = server.admin.try_create(policy, fieldValidation="Warn")
    assert ('299 - "unknown field \\"spec.preDnat\\""',) == warned.warnings
    assert {"tier": "default", "selector": "all()", "ingress": [{"action": "Deny"}]} == (
        server.admin.get(server.admin.path_of(policy))["spec"]
    )


def test_no_schema_takes_whatever_is_written():
    assert "x-kubernetes-preserve-unknown-fields" not in json.dumps(
        crds.definitions(crds.NATIVE, crds.STORED, crds.SIG_NETWORK)
    )
