from __future__ import annotations

import pytest

from service.cluster.discovery import discover
from service.cluster.kube import RequestError
from service.model.kind import kinds
from tests.fake_apiserver import Answer, status

V1, V3 = "crd.projectcalico.org/v1", "projectcalico.org/v3"
VERBS = ["get", "list", "watch"]


def serve(server, *group_versions, without=(), verbs=VERBS):
    """All kinds of these groups, but for those *without* which a cluster is."""
    groups = [one.rpartition("/") for one in group_versions]
    server.script(
        "/apis",
        Answer(
            body={"groups": [{"name": g, "versions": [{"version": v}]} for g, _, v in groups if g]}
        ),
    )
    server.script("/version", Answer(body={"gitVersion": "v1.36.3"}))
    for one in group_versions:
        names = {
            kind.plural
            for kind in kinds()
            for gvk in kind.gvks
            if gvk.api_version == one and kind.name not in without
        }
        resources = [{"name": name, "verbs": verbs} for name in sorted(names)]
        root = "/apis" if "/" in one else "/api"
        server.script(f"{root}/{one}", Answer(body={"resources": resources}))


def paths(found):
    return {resource.kind.name: resource.path for resource in found.resources}


def test_native_calico_kinds_are_read_where_they_are(server, client):
    serve(server, "v1", V3)
    found = discover(client)
    assert "/apis/projectcalico.org/v3/hostendpoints" == paths(found)["HostEndpoint"]
    assert ("projectcalico.org", "v1.36.3") == (found.calico_group, found.server)


def test_stored_kinds_are_read_where_that_is_all_there_is(server, client):
    serve(server, "v1", V1)
    assert "/apis/crd.projectcalico.org/v1/hostendpoints" == paths(discover(client))["HostEndpoint"]


def test_beside_an_aggregated_api_the_stored_kinds_are_read_as_felix_does(server, client):
    serve(server, "v1", V1, V3)
    found = discover(client)
    assert "crd.projectcalico.org" == found.calico_group
    assert "/apis/crd.projectcalico.org/v1/tiers" == paths(found)["Tier"]


def test_a_view_of_another_server_that_does_not_answer_does_no_harm(server, client):
    serve(server, "v1", V1, V3)
    server.script(f"/apis/{V3}", status(503))
    assert "HostEndpoint" in paths(discover(client))


def test_kinds_of_the_core_group_have_their_own_root(server, client):
    serve(server, "v1", V3)
    assert "/api/v1/services" == paths(discover(client))["Service"]


def test_kinds_that_the_cluster_lacks_are_told(server, client):
    serve(server, "v1", V3, without={"StagedNetworkPolicy"})
    missing = discover(client).missing
    assert {"StagedNetworkPolicy", "ClusterNetworkPolicy", "Deployment"} <= set(missing)
    assert "HostEndpoint" not in missing


def test_a_cluster_without_calico_has_none_of_its_kinds(server, client):
    serve(server, "v1")
    found = discover(client)
    assert ("", True) == (found.calico_group, "GlobalNetworkPolicy" in found.missing)


def test_a_kind_that_cannot_be_watched_counts_as_missing(server, client):
    serve(server, "v1", V3, verbs=["get", "list"])
    assert () == discover(client).resources


def test_silence_of_a_group_that_is_there_is_no_absence(server, client):
    serve(server, "v1", V3)
    server.script(f"/apis/{V3}", status(503))
    with pytest.raises(RequestError):
        discover(client)


def test_a_resource_is_spelled_as_rbac_spells_it(server, client):
    serve(server, "v1", V3)
    assert {"services", "hostendpoints.projectcalico.org"} <= {
        resource.name for resource in discover(client).resources
    }
