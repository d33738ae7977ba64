"""What a cluster lets Nodeward read, and which of the kinds it has."""

from __future__ import annotations

import pytest

from service.cluster import live
from service.model.kind import kinds
from tests.apiserver import objects
from tests.apiserver.following import Following, use
from tests.kube import contents, crds
from tests.kube.proxy import Proxy
from tests.kube.server import wait_until

CALICO = (crds.NATIVE, crds.STORED)


def everything_but(*left_out):
    """Rules that let every kind be read which is, without some."""
    by_group = {}
    for kind in kinds():
        for gvk in kind.gvks:
            if kind.plural not in left_out:
                by_group.setdefault(gvk.group, set()).add(kind.plural)
    return [objects.may_read(*sorted(plurals), group=group) for group, plurals in by_group.items()]


def grant(server, *rules):
    for one in objects.grants("nodeward", *rules):
        server.admin.apply(one)


@pytest.fixture
def account(server, tmp_path, monkeypatch):
    """Access as a service account that may do nothing yet; its token is in a file."""
    file = tmp_path / "token"
    file.write_text(server.service_account("nodeward"))
    use(server.write_kubeconfig(tmp_path / "kubeconfig", token_file=file), monkeypatch)
    yield file
    for one in objects.grants("nodeward"):
        server.admin.delete(one)


def test_one_kind_that_may_not_be_read_is_named_and_nothing_is_judged_without_it(server, account):
    grant(server, *everything_but("hostendpoints"))
    with Following() as following:
        wait_until(lambda: "hostendpoints" in following.cluster.current.failure, within_s=20)
        assert "forbidden" in following.cluster.current.failure
        wait_until(
            lambda: following.cluster.view.unlisted == ("hostendpoints.projectcalico.org",),
            within_s=20,
        )
        assert not following.is_ready


def test_a_right_that_is_granted_later_is_used(server, account):
    server.admin.create(objects.endpoint("node1-eth0"))
    grant(server, *everything_but("hostendpoints"))
    with Following() as following:
        wait_until(lambda: "hostendpoints" in following.cluster.current.failure, within_s=20)
        grant(server, *everything_but())
        following.sees("HostEndpoint", "node1-eth0", within_s=60)


def test_a_right_that_is_taken_away_ages_the_world_and_leaves_it_standing(
    server, account, tmp_path, monkeypatch
):
    with Proxy(server.port) as proxy:
        path = tmp_path / "through-proxy"
        use(server.write_kubeconfig(path, token_file=account, port=proxy.port), monkeypatch)
        server.admin.create(objects.endpoint("node1-eth0"))
        grant(server, *everything_but())
        with Following() as following:
            following.sees("HostEndpoint", "node1-eth0")
            grant(server, *everything_but("hostendpoints"))
            proxy.cut()
            wait_until(lambda: "hostendpoints" in following.cluster.current.failure, within_s=30)
            assert ["node1-eth0"] == following.names("HostEndpoint")
            age_s = following.age_s
            wait_until(lambda: following.age_s > age_s + 1, within_s=10)


def test_a_token_that_is_rotated_is_read_again(server, account, tmp_path, monkeypatch):
    with Proxy(server.port) as proxy:
        path = tmp_path / "through-proxy"
        use(server.write_kubeconfig(path, token_file=account, port=proxy.port), monkeypatch)
        grant(server, *everything_but())
        with Following() as following:
            following.ready()
            old = server.client(account.read_text())
            # A service account that is made anew is another one: its old tokens are worth nothing.
            server.admin.delete_all("/api/v1/namespaces/default/serviceaccounts")
            account.write_text(server.service_account("nodeward"))
            wait_until(lambda: old.request("GET", "/api/v1/nodes").status == 401, within_s=30)
            old.close()
            proxy.cut()
            server.admin.create(objects.endpoint("node1-eth0"))
            following.sees("HostEndpoint", "node1-eth0", within_s=60)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [((), ""), ((crds.NATIVE,), crds.NATIVE), ((crds.STORED,), crds.STORED), (CALICO, crds.STORED)],
    ids=["no Calico", "native", "stored", "both"],
)
def test_calicos_kinds_are_read_where_felix_reads_them(
    shared_server, monkeypatch, groups, expected
):
    server = shared_server
    contents.empty(server.admin)
    contents.uninstall(server.admin, *CALICO)
    contents.install(server.admin, *groups)
    use(server.kubeconfig, monkeypatch)
    versions = {crds.NATIVE: "projectcalico.org/v3", crds.STORED: "crd.projectcalico.org/v1"}
    for group in groups:
        server.admin.create(objects.endpoint(group.replace(".", "-"), group=versions[group]))
    try:
        with Following() as following:
            following.ready()
            discovery = following.cluster.discovery
            assert (expected, bool(groups)) == (
                discovery.calico_group,
                "HostEndpoint" not in discovery.missing,
            )
            assert [expected.replace(".", "-")] * bool(groups) == following.names("HostEndpoint")
    finally:
        contents.empty(server.admin)
        contents.uninstall(server.admin, crds.STORED)
        contents.install(server.admin, crds.NATIVE)


def test_kinds_that_come_later_are_watched_from_then_on(own_server, monkeypatch):
    monkeypatch.setattr(live, "REDISCOVER_S", 0.5)
    use(own_server.kubeconfig, monkeypatch)
    with Following() as following:
        following.ready()
        assert "HostEndpoint" in following.cluster.discovery.missing
        contents.install(own_server.admin, crds.NATIVE)
        own_server.admin.create(objects.endpoint("node1-eth0"))
        following.sees("HostEndpoint", "node1-eth0", within_s=30)
        contents.uninstall(own_server.admin, crds.NATIVE)
        following.sees("HostEndpoint", within_s=30)
