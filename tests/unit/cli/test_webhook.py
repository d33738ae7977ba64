"""What ``nodeward webhook`` refuses before it serves; serving is tests/contract/test_webhook_door.py."""

import socket
from datetime import UTC, datetime

import pytest

from certs import folder
from certs.folder import Folder
from service.cli.exit_code import ExitCode
from service.cli.main import run


@pytest.fixture
def pair(tmp_path) -> Folder:
    made = Folder(tmp_path / "certs")
    folder.issue(made, ["localhost"], datetime.now(UTC))
    return made


def started(tmp_path, *options) -> ExitCode:
    return run(["webhook", "--manifests", str(tmp_path), *map(str, options)])


def test_manifests_are_needed(capsys):
    assert run(["webhook"]) is ExitCode.USAGE
    assert "--manifests" in capsys.readouterr().err


def test_manifests_that_do_not_exist_are_a_usage_error(tmp_path):
    assert started(tmp_path / "gone") is ExitCode.USAGE


@pytest.mark.parametrize("option", ["--tls-cert", "--tls-key"])
def test_half_a_pair_is_a_usage_error(tmp_path, pair, capsys, option):
    assert started(tmp_path, option, pair.server_key) is ExitCode.USAGE
    assert "belong together" in capsys.readouterr().err


def test_beyond_loopback_a_certificate_is_needed(tmp_path, capsys):
    assert started(tmp_path, "--host", "0.0.0.0") is ExitCode.USAGE  # noqa: S104
    assert "a certificate for 0.0.0.0 is needed" in capsys.readouterr().err


def test_a_pair_that_does_not_fit_is_told(tmp_path, pair, capsys):
    options = ("--tls-cert", pair.server_certificate, "--tls-key", pair.authority_key)
    assert started(tmp_path, *options) is ExitCode.UNREADABLE
    assert "cannot be served" in capsys.readouterr().err


def test_a_setting_at_fault_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NODEWARD_ON_ERROR", "maybe")
    assert started(tmp_path) is ExitCode.UNREADABLE
    assert "on_error" in capsys.readouterr().err


def test_an_address_in_use_is_told(tmp_path, pair, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ("--tls-cert", pair.server_certificate, "--tls-key", pair.server_key)
        assert started(tmp_path, *options, "--port", port) is ExitCode.UNREADABLE
    assert f"port {port}: Address already in use" in capsys.readouterr().err


def test_manifests_and_a_cluster_exclude_each_other(tmp_path, capsys):
    assert started(tmp_path, "--cluster") is ExitCode.USAGE
    assert "exclude each other" in capsys.readouterr().err


def test_a_cluster_without_credentials_is_told_before_anything_is_served(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert run(["webhook", "--cluster"]) is ExitCode.UNREADABLE
    assert "no credentials" in capsys.readouterr().err


def test_in_a_pod_the_cluster_is_the_default(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert run(["webhook"]) is ExitCode.UNREADABLE
    assert "no credentials" in capsys.readouterr().err


def test_in_a_pod_manifests_are_served_where_they_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    assert started(tmp_path, "--host", "0.0.0.0") is ExitCode.USAGE  # noqa: S104
    assert "a certificate for 0.0.0.0 is needed" in capsys.readouterr().err
