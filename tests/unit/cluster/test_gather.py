from __future__ import annotations

import pytest

from service.cluster.gather import gather
from service.cluster.kube import RequestError
from service.model.kinds.tier import Tier
from tests.fake_apiserver import Answer, page, status
from tests.live_factories import SERVICES, TIERS, make_raw

V3 = "projectcalico.org/v3"


@pytest.fixture
def cluster(server, client):
    """A server of a cluster that has tiers and Services."""
    groups = {"groups": [{"name": "projectcalico.org", "versions": [{"version": "v3"}]}]}
    server.script("/apis", Answer(body=groups))
    server.script("/version", Answer(body={"gitVersion": "v1.36.3"}))
    for path, plural in ((f"/apis/{V3}", "tiers"), ("/api/v1", "services")):
        resources = [{"name": plural, "verbs": ["list", "watch"]}]
        server.script(path, Answer(body={"resources": resources}))
    server.script(TIERS.path, page(make_raw(TIERS, "a", 3, order=1), version="20"))
    server.script(SERVICES.path, page(make_raw(SERVICES, "web", 4), version="10"))
    return server


def read(told=None):
    return gather("fake", lambda *one: told.append(one) if told is not None else None)


def test_all_that_a_cluster_has_is_read(cluster):
    found = read()
    assert ["Service default/web", "Tier a"] == sorted(
        str(one.ref) for one in found.snapshot.decoded()
    )
    assert ("fake", "v1.36.3", 2) == (
        found.cluster,
        found.discovery.server,
        found.loaded.documents,
    )


def test_the_revision_is_the_highest_of_the_lists_and_the_age_that_of_the_first(cluster):
    found = read()
    assert "20" == found.snapshot.revision
    assert 0 < found.age_s < 60


def test_progress_is_told_page_by_page(cluster):
    cluster.script(
        TIERS.path,
        page(make_raw(TIERS, "a", 3), more="x", left=1),
        page(make_raw(TIERS, "b", 4)),
    )
    told = []
    read(told)
    name = "tiers.projectcalico.org"
    assert [(name, 0, 0), (name, 1, 2), (name, 2, 2)] == [one for one in told if one[0] == name]


def test_a_list_that_goes_out_of_date_is_begun_anew(cluster):
    cluster.script(
        TIERS.path,
        page(make_raw(TIERS, "old", 3), more="x"),
        status(410),
        page(make_raw(TIERS, "new", 5)),
    )
    assert ["new"] == [ref.name for ref in read().snapshot.all(Tier)]


def test_a_list_that_always_goes_out_of_date_is_given_up(cluster):
    cluster.script(TIERS.path, status(410))
    with pytest.raises(RequestError):
        read()


def test_a_kind_that_may_not_be_listed_ends_it(cluster):
    cluster.script(SERVICES.path, status(403, "services is forbidden"))
    with pytest.raises(RequestError, match="services is forbidden"):
        read()
