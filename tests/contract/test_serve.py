"""``nodeward serve`` as a process: its token, its world, its end."""

from __future__ import annotations

import json
import re
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from socket import create_connection, create_server

import pytest

from service.cli.exit_code import ExitCode
from service.cli.main import run
from tests.contract.test_api import OPEN_SERVICE

START_S = 60


@contextmanager
def serving(folder, *arguments):
    """A running service: its URL, and what it printed."""
    with closing(create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-P", "-m", "service", "serve", "--port", str(port), *arguments]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    told = []
    try:
        _wait(f"http://127.0.0.1:{port}/readyz", process)
        yield f"http://127.0.0.1:{port}", told
    finally:
        process.send_signal(signal.SIGTERM)
        told += process.communicate(timeout=START_S)
    assert process.returncode == 0


def _wait(url, process):
    for _ in range(START_S * 10):
        assert process.poll() is None, process.stderr.read()
        try:
            return urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.URLError:
            time.sleep(0.1)
    raise TimeoutError(url)


def get(url, token):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_the_first_start_prints_a_token_once_and_keeps_only_its_hash(tmp_path):
    with serving(tmp_path) as (_, first):
        pass
    with serving(tmp_path) as (_, second):
        pass

    token = re.search(r"shown only now: (\S+)", first[0])[1]
    assert "shown only now" not in "".join(second)
    assert not [
        file for file in (tmp_path / ".nodeward").iterdir() if token.encode() in file.read_bytes()
    ]
    assert token not in first[1]


@pytest.mark.slow
def test_the_served_manifests_are_audited_and_asked_about(tmp_path):
    (tmp_path / "cluster.yaml").write_text(OPEN_SERVICE)
    with serving(tmp_path, "--manifests", "cluster.yaml", "--token-file", "token") as (url, _):
        token = (tmp_path / "token").read_text().strip()
        findings = get(f"{url}/v1/findings", token)
        exposures = get(f"{url}/v1/exposures", token)

    assert findings["items"][0]["subject"]["name"] == "web"
    assert exposures["items"][0]["service"] == "shop/web"
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


@pytest.mark.slow
def test_bytes_that_are_no_request_get_a_problem_too(tmp_path):
    with (
        serving(tmp_path) as (url, _),
        create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=30) as client,
    ):
        client.sendall(b"GARBAGE\r\n\r\n")
        head, _, problem = b"".join(iter(lambda: client.recv(4096), b"")).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Content-Type: application/problem+json" in head
    assert json.loads(problem)["type"] == "/problems/bad-input"


def test_manifests_that_cannot_be_read_are_told_before_anything_starts(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.yaml").write_text("a: [")

    assert run(["serve", "--manifests", "broken.yaml"]) == ExitCode.UNREADABLE
    assert "broken.yaml:" in capsys.readouterr().err


@pytest.mark.parametrize("secret", ["short", "ä" * 40, "x" * 20 + "\n" + "y" * 20, ""])
def test_a_weak_token_is_refused(tmp_path, monkeypatch, capsys, secret):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text(secret)

    assert run(["serve", "--token-file", "token"]) == ExitCode.UNREADABLE
    assert "at least 32 printable ASCII characters" in capsys.readouterr().err


def test_a_store_that_cannot_be_opened_is_told_before_anything_starts(tmp_path, capsys):
    assert run(["serve", "--database", f"sqlite:///{tmp_path}/no/audit.db"]) == ExitCode.UNREADABLE
    assert "cannot be opened" in capsys.readouterr().err
