from __future__ import annotations

import pytest

from service.cluster import reflector
from service.cluster.kube import Client
from tests.fake_apiserver import FakeServer


@pytest.fixture
def server():
    with FakeServer() as server:
        yield server


@pytest.fixture
def client(server, tmp_path, monkeypatch):
    """A client of the fake server, with a token."""
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return Client("fake")


@pytest.fixture
def impatient(monkeypatch):
    """Back-off in milliseconds."""
    monkeypatch.setattr(reflector, "BACKOFF_S", (0.01, 0.05))
