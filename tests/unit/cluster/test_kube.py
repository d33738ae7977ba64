from __future__ import annotations

import os
import sys
import time

import pytest

from service.cluster import kube
from service.cluster.kube import Client, RequestError, contexts
from service.errors import SourceError
from tests.fake_apiserver import Answer, page, status

PATH = "/api/v1/services"
PLUGIN = """\
import json, pathlib
runs = pathlib.Path({count!r})
number = len(runs.read_text()) if runs.exists() else 0
runs.write_text("x" * (number + 1))
status = {{"token": f"from-plugin-{{number}}"}}
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}}))
"""


def tokens(server):
    return [headers.get("Authorization") for _, _, headers in server.requests]


def test_a_body_comes_as_it_was_sent(server, client):
    server.script(PATH, page(version="7"))
    assert b'{"kind": "List", "metadata": {"resourceVersion": "7"}, "items": []}' == client.get(
        PATH, {"limit": "1"}
    )
    assert [{"limit": "1"}] == server.asked(PATH)


def test_the_token_of_the_kubeconfig_is_sent(server, client):
    server.script(PATH, page())
    client.get(PATH)
    assert ["Bearer t0ken"] == tokens(server)


def test_a_client_is_named_after_its_context(client):
    assert "fake" == client.name


def test_without_a_name_the_current_context_is_taken(client):
    assert "fake" == Client().name


def test_the_contexts_are_those_of_the_kubeconfig(client):
    assert (("fake",), "fake") == contexts()


def test_an_unknown_context_is_told(client):
    with pytest.raises(SourceError, match=r"context nowhere"):
        Client("nowhere")


def test_without_any_credentials_there_is_no_client(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(SourceError, match="no credentials"):
        Client()


def test_a_refusal_tells_its_status_its_reason_and_when_to_come_again(server, client):
    server.script(PATH, status(429, "too many", **{"Retry-After": "7"}))
    with pytest.raises(RequestError, match=r"answers 429 to /api/v1/services: too many") as caught:
        client.get(PATH)
    assert (429, 7.0) == (caught.value.status, caught.value.retry_after_s)


def test_a_refusal_without_a_status_object_is_told_too(server, client):
    server.script(PATH, Answer(502, ["no", "status"]))
    with pytest.raises(RequestError, match="answers 502"):
        client.get(PATH)


def test_a_server_that_is_not_there_is_told(client, server):
    server.__exit__()
    with pytest.raises(RequestError, match="no answer of the API server") as caught:
        client.get(PATH)
    assert 0 == caught.value.status
    server.__enter__()


def test_a_server_that_says_nothing_is_given_up(server, client):
    server.script(PATH, Answer(lines=(b"{",), then="hang"))
    began = time.monotonic()
    with pytest.raises(RequestError):
        client.get(PATH, timeout_s=0.2)
    assert time.monotonic() - began < 5


def test_lines_come_as_they_arrive_and_an_unfinished_one_is_left_out(server, client):
    server.script(PATH, Answer(lines=(b"one\ntw", b"o\nthr"), then="end"))
    with client.lines(PATH, {}, silence_s=5) as stream:
        assert [b"one", b"two"] == list(stream)


def test_another_thread_can_end_lines_that_do_not_come(server, client):
    server.script(PATH, Answer(lines=(b"one\n",), then="hang"))
    with client.lines(PATH, {}, silence_s=60) as stream:
        lines = iter(stream)
        assert b"one" == next(lines)
        stream.end()
        assert [] == list(lines)


def test_silence_between_lines_is_a_failure(server, client):
    server.script(PATH, Answer(lines=(b"one\n",), then="hang"))
    with pytest.raises(RequestError), client.lines(PATH, {}, silence_s=0.2) as stream:
        list(stream)


def test_a_line_without_end_is_refused(server, client, monkeypatch):
    monkeypatch.setattr(kube, "_LINE_LIMIT_BYTES", 10)
    server.script(PATH, Answer(lines=(b"x" * 11,), then="end"))
    with (
        pytest.raises(RequestError, match="without an end"),
        client.lines(PATH, {}, silence_s=5) as stream,
    ):
        list(stream)


def test_a_token_that_is_no_longer_taken_is_read_again(server, tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text("old")
    config = server.kubeconfig(tmp_path, user={"tokenFile": str(file)})
    monkeypatch.setenv("KUBECONFIG", str(config))
    monkeypatch.setattr(kube, "_RELOAD_PAUSE_S", 0.0)
    client = Client("fake")
    file.write_text("new")
    server.script(PATH, status(401), page())
    client.get(PATH)
    assert ["Bearer old", "Bearer new"] == tokens(server)


def test_credentials_that_stay_refused_are_told(server, client):
    server.script(PATH, status(401, "no"))
    with pytest.raises(RequestError) as caught:
        client.get(PATH)
    assert 401 == caught.value.status


def test_an_exec_plugin_gives_the_token_and_is_run_again_when_that_is_refused(
    server, tmp_path, monkeypatch
):
    plugin = tmp_path / "plugin.py"
    plugin.write_text(PLUGIN.format(count=str(tmp_path / "count")))
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": [str(plugin)],
            "interactiveMode": "Never",
        }
    }
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path, user=user)))
    monkeypatch.setattr(kube, "_RELOAD_PAUSE_S", 0.0)
    client = Client("fake")
    server.script(PATH, status(401), page())
    client.get(PATH)
    assert ["Bearer from-plugin-0", "Bearer from-plugin-1"] == tokens(server)


def test_a_proxy_of_the_kubeconfig_is_asked(server, tmp_path, monkeypatch):
    cluster = {"server": "http://cluster.invalid", "proxy-url": server.url}
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path, cluster=cluster)))
    server.script(PATH, page())
    Client("fake").get(PATH)
    assert "cluster.invalid" == server.requests[0][2]["Host"]


def test_in_a_pod_its_own_account_is_used(server, tmp_path, monkeypatch):
    from kubernetes.config import incluster_config

    for name in ("token", "ca"):
        (tmp_path / name).write_text("of-the-pod")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    client = Client()
    assert ("in-cluster", {"Authorization": "bearer of-the-pod"}) == (
        client.name,
        client._authorization(client._session.api),
    )
    assert kube.runs_in_pod()


def test_a_process_outside_is_in_no_pod(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert not kube.runs_in_pod()
    assert "KUBERNETES_SERVICE_HOST" not in os.environ
