"""What the deployment grants is enough for what the doors do, on a server that enforces it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from service.cluster.access import Caller, may_bypass
from service.cluster.kube import Client, RequestError
from service.cluster.live import LiveCluster
from tests.kube import contents, crds
from tests.kube.server import ApiServer

RBAC = Path(__file__).parents[2] / "deploy/base/rbac.yaml"


@pytest.fixture(scope="module")
def granting(programs, tmp_path_factory):
    """A server of its own: a namespace that is deleted on the shared one stays there, and takes nothing."""
    with ApiServer(programs, tmp_path_factory.mktemp("rbac")) as server:
        contents.install(server.admin, crds.NATIVE, crds.SIG_NETWORK)
        for one in yaml.safe_load_all(RBAC.read_text(encoding="utf-8")):
            server.admin.apply(one)
        yield server


@pytest.fixture
def account(granting, tmp_path, monkeypatch):
    """A client with the rights of a service account of the deployment."""

    def client(name):
        token = granting.service_account(name, "nodeward")
        config = granting.write_kubeconfig(tmp_path / name, token=token)
        monkeypatch.setenv("KUBECONFIG", str(config))
        return Client("tests")

    return client


@pytest.mark.parametrize("name", ["nodeward-webhook", "nodeward-audit"])
def test_an_account_of_the_deployment_can_watch_all_that_is_read(account, name):
    live = LiveCluster(account(name), lambda _world: None)
    live.start()
    try:
        assert live.wait_for(lambda view: view.world is not None, time.monotonic() + 30), (
            live.current.failure
        )
    finally:
        live.close()


def test_the_webhook_may_ask_who_may_bypass_a_check(account):
    assert not may_bypass(
        account("nodeward-webhook"), Caller("somebody"), "nodeport-unguarded", timeout_s=10
    )


def test_the_account_of_audits_may_not(account):
    with pytest.raises(RequestError, match="403"):
        may_bypass(account("nodeward-audit"), Caller("x"), "nodeport-unguarded", timeout_s=10)


@pytest.mark.parametrize("path", ["/api/v1/secrets", "/api/v1/configmaps"])
def test_nobody_may_read_secrets_or_settings_of_others(account, path):
    with pytest.raises(RequestError, match="403"):
        account("nodeward-webhook").get(path)
