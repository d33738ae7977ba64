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
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from socket import create_connection, create_server
from tempfile import TemporaryFile

import pytest

from service.cli.exit_code import ExitCode
from service.cli.main import run
from service.serving.process import THREADS
from service.serving.worker import SETUP_S
from tests.contract.test_api import OPEN_SERVICE

START_S = 60


@contextmanager
def serving(folder, *arguments, until="/readyz", ending=signal.SIGTERM):
    """A running service: its URL, and what it printed."""
    with closing(create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-P", "-m", "service", "serve", "--port", str(port), *arguments]
    # Files, since nobody reads while it runs: a pipe would hold it up once it is full of its log.
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err)
        told = []
        try:
            _wait(f"http://127.0.0.1:{port}{until}", process, err)
            yield f"http://127.0.0.1:{port}", told
        finally:
            process.send_signal(ending)
            process.wait(START_S)
            told += [_read(one) for one in (out, err)]
    assert process.returncode == 0


def _read(file):
    file.seek(0)
    return file.read()


def _wait(url, process, err):
    for _ in range(START_S * 10):
        assert process.poll() is None, _read(err)
        try:
            return urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.URLError:
            time.sleep(0.1)
    raise TimeoutError(url)


def wait_for(condition):
    end = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def state(url):
    """Status and body of the probe."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.status, json.load(refusal)


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


@pytest.mark.slow
def test_answers_and_findings_follow_the_manifests(tmp_path):
    manifest = tmp_path / "cluster.yaml"
    manifest.write_text(OPEN_SERVICE)
    with serving(tmp_path, "--manifests", "cluster.yaml", "--token-file", "token") as (url, _):
        token = (tmp_path / "token").read_text().strip()
        first = state(url)[1]["digest"]

        manifest.write_text(OPEN_SERVICE.replace("name: web", "name: shop"))
        wait_for(lambda: state(url)[1]["digest"] != first)
        followed = get(f"{url}/v1/exposures", token), get(f"{url}/v1/findings", token)

        manifest.write_text("a: [")
        wait_for(lambda: state(url)[1]["status"] == "degraded")
        status, degraded = state(url)
        kept = get(f"{url}/v1/exposures", token), get(f"{url}/v1/findings", token)

    assert {one["service"] for one in followed[0]["items"]} == {"shop/shop"}
    assert {one["subject"]["name"] for one in followed[1]["items"]} == {"shop"}
    assert (status, degraded["digest"]) == (200, followed[0]["digest"])
    assert "cluster.yaml:" in degraded["failure"]
    assert kept == followed


@pytest.mark.slow
def test_manifests_that_cannot_be_read_are_told_until_they_are_mended(tmp_path):
    manifest = tmp_path / "cluster.yaml"
    manifest.write_text("a: [")
    options = ("--manifests", "cluster.yaml", "--token-file", "token")
    with serving(tmp_path, *options, until="/livez") as (url, _):
        wait_for(lambda: "cluster.yaml:" in state(url)[1]["detail"])
        status, problem = state(url)
        manifest.write_text(OPEN_SERVICE)
        wait_for(lambda: state(url)[0] == 200)
        findings = get(f"{url}/v1/findings", (tmp_path / "token").read_text().strip())

    assert (status, problem["type"]) == (503, "/problems/source-unavailable")
    assert findings["items"][0]["subject"]["name"] == "web"


@pytest.mark.slow
def test_bad_bodies_over_the_wire_are_problems(tmp_path):
    def post(**sent):
        connection = HTTPConnection("127.0.0.1", int(url.rpartition(":")[2]), timeout=30)
        with closing(connection):
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            connection.request("POST", "/v1/review", **sent, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.load(answer)["type"]

    def raw(*pieces):
        with create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=30) as client:
            client.sendall(b"".join(pieces))
            return b"".join(iter(lambda: client.recv(4096), b""))

    with serving(tmp_path, "--token-file", "token") as (url, _):
        token = (tmp_path / "token").read_text().strip()
        assert post(body=b" " * 10_000_000) == (413, "/problems/body-too-large")
        assert post(body=(b" " * 1_000_000 for _ in range(10))) == (413, "/problems/body-too-large")
        unit = b"[" * 90 + b"]" * 90
        costly = b"[" + b",".join([unit] * (8_000_000 // 181)) + b"]"
        started = time.monotonic()
        assert post(body=costly) == (400, "/problems/bad-review")
        assert time.monotonic() - started < 20
        head = f"POST /v1/review HTTP/1.1\r\nAuthorization: Bearer {token}\r\n".encode()
        kind = b"Content-Type: application/json\r\nConnection: close\r\n"
        broken = raw(head, kind, b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n")
        assert broken.startswith(b"HTTP/1.1 400 ")
        assert b"/problems/bad-input" in broken
        assert raw(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 414 ")


@pytest.mark.slow
def test_clients_that_fall_silent_do_not_hold_up_the_others(tmp_path):
    with serving(tmp_path) as (url, _), ExitStack() as silent:
        for _ in range(8 * THREADS):
            address = ("127.0.0.1", int(url.rpartition(":")[2]))
            silent.enter_context(create_connection(address, timeout=30))
        started = time.monotonic()
        assert state(url)[0] == 200
        assert time.monotonic() - started < SETUP_S


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_service_in_order(tmp_path, sent):
    with serving(tmp_path, ending=sent):
        started = time.monotonic()
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("secret", ["short", "ä" * 40, "x" * 20 + "\n" + "y" * 20, ""])
def test_a_weak_token_is_refused(tmp_path, monkeypatch, capsys, secret):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text(secret)

    assert run(["serve", "--token-file", "token"]) == ExitCode.UNREADABLE
    assert "at least 32 printable ASCII characters" in capsys.readouterr().err


def test_a_store_that_cannot_be_opened_is_told_before_anything_starts(tmp_path, capsys):
    assert run(["serve", "--database", f"sqlite:///{tmp_path}/no/audit.db"]) == ExitCode.UNREADABLE
    assert "cannot be opened" in capsys.readouterr().err
