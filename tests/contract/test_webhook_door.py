"""The admission door over real HTTPS."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import shutil
import signal
import socket
import ssl
import time
from datetime import UTC, datetime

import pytest

from certs import authority, folder
from certs.folder import Folder
from service.serving.process import THREADS
from service.serving.worker import SETUP_S
from tests.review_factories import SERVICE, UID, make_review
from tests.webhook_door import WebhookDoor

NODES = """\
apiVersion: v1
kind: Node
metadata: {name: node1}
status: {addresses: [{type: InternalIP, address: 192.168.0.10}]}
"""
NODE_PORT = SERVICE | {
    "spec": {
        "type": "NodePort",
        "clusterIP": "10.96.0.7",
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30010}],
    }
}
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    """One for all tests that do not change its files."""
    root = tmp_path_factory.mktemp("door")
    (root / "manifests").mkdir()
    (root / "manifests" / "nodes.yaml").write_text(NODES)
    with WebhookDoor(root / "manifests", root / "state") as running:
        yield running


@pytest.fixture
def own_door(tmp_path):
    """One whose files, or life, a test may change."""
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "nodes.yaml").write_text(NODES)
    with WebhookDoor(tmp_path / "manifests", tmp_path / "state") as running:
        yield running


def wait_for(value, wanted) -> None:
    end = time.monotonic() + 15
    while (found := value()) != wanted:
        assert time.monotonic() < end, found
        time.sleep(0.05)


def test_a_service_without_node_port_is_admitted_under_its_uid(door):
    answer = door.admit(make_review())
    assert (answer.status, answer.media_type) == (200, "application/json")
    assert (answer.json["kind"], answer.json["response"]["uid"]) == ("AdmissionReview", UID)
    assert answer.json["response"]["allowed"] is True


def test_a_node_port_that_nothing_guards_is_forbidden_with_its_packet(door):
    response = door.admit(make_review(object=NODE_PORT)).json["response"]
    assert (response["uid"], response["allowed"]) == (UID, False)
    assert (response["status"]["code"], response["status"]["reason"]) == (403, "Forbidden")
    assert "30010" in response["status"]["message"]
    message, _, fix = response["status"]["message"].partition("\nIt would pass after this: ")
    assert len(message.splitlines()) <= 3
    *manifest, recorded = fix.splitlines()
    assert ["create HostEndpoint", "---"] == [manifest[0][:19], manifest[1]]
    assert f"[decision {response['auditAnnotations']['decision-id']}]" == recorded


def test_a_kind_that_no_check_judges_is_admitted(door):
    kind = {"group": "", "version": "v1", "kind": "ConfigMap"}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}}
    assert door.admit(make_review(kind=kind, object=config)).json["response"]["allowed"] is True


def test_reviews_share_a_connection(door):
    connection = door.connect()
    with contextlib.closing(connection):
        for uid in ("one", "two", "three"):
            body = json.dumps(make_review(uid=uid))
            connection.request("POST", "/admit", body, {"Content-Type": "application/json"})
            assert json.loads(connection.getresponse().read())["response"]["uid"] == uid


def test_reviews_at_the_same_time_get_their_own_answers(door):
    def uid_of(number: int) -> str:
        return door.admit(make_review(uid=f"uid-{number}")).json["response"]["uid"]

    with concurrent.futures.ThreadPoolExecutor(2 * THREADS) as pool:
        answered = list(pool.map(uid_of, range(64)))
    assert answered == [f"uid-{number}" for number in range(64)]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"rubbish", 400, "bad-json"),
        (b'"\xff"', 400, "bad-json"),
        (b"[" * MEGABYTE, 400, "bad-json"),
        (b'{"a":' * 200_000, 400, "bad-json"),
        (b'{"request":{},"request":{}}', 400, "bad-json"),
        (b'{"apiVersion":NaN}', 400, "bad-json"),
        (make_review(uid=""), 400, "bad-review"),
        (make_review(operation="DELETE"), 400, "bad-review"),
        ({"apiVersion": "v1", "kind": "Service"}, 400, "bad-review"),
        (b" " * (10 * MEGABYTE), 413, "body-too-large"),
    ],
    ids=[
        "text",
        "latin-1",
        "nested",
        "unended",
        "twice",
        "nan",
        "no-uid",
        "no-old",
        "kind",
        "10MB",
    ],
)
def test_a_bad_body_is_a_problem_and_the_door_stays_open(door, body, status, code):
    answer = door.admit(body)
    assert (answer.status, answer.media_type) == (status, "application/problem+json")
    assert (answer.json["type"], answer.json["status"]) == (f"/problems/{code}", status)
    assert door.admit(make_review()).status == 200


def test_a_body_of_unknown_length_is_bounded_too(door):
    pieces = (b" " * MEGABYTE for _ in range(10))
    answer = door.request("POST", "/admit", pieces, {"Content-Type": "application/json"})
    assert (answer.status, answer.json["type"]) == (413, "/problems/body-too-large")


def test_a_body_that_is_made_to_cost_is_refused_soon(door):
    unit = b"[" * 90 + b"]" * 90
    started = time.monotonic()
    answer = door.admit(b"[" + b",".join([unit] * (8 * MEGABYTE // 181)) + b"]")
    assert (answer.status, answer.json["type"]) == (400, "/problems/bad-review")
    assert time.monotonic() - started < 20


HEAD = b"POST /admit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"RUBBISH\r\n\r\n", 400),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n", 414),
        (HEAD + b"X: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n", 400),
        (HEAD + b"Transfer-Encoding: rubbish\r\n\r\n", 501),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
    ],
    ids=["line", "long-line", "long-header", "chunk", "coding", "length"],
)
def test_broken_http_is_a_problem_too(door, sent, status):
    answer = door.raw(sent)
    assert (answer.status, answer.media_type) == (status, "application/problem+json")
    assert answer.json["status"] == status


def test_bad_input_leaves_no_stack_trace_in_the_log(own_door):
    own_door.admit(b"rubbish")
    own_door.raw(b"RUBBISH\r\n\r\n")
    own_door.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n")
    with socket.create_connection(("127.0.0.1", own_door.port), 20) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        plain.recv(100)
    own_door.stop()
    assert "Traceback" not in own_door.log()


def test_there_is_no_plain_http(door):
    with socket.create_connection(("127.0.0.1", door.port), 20) as plain:
        plain.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"alive" not in plain.recv(1000)


@pytest.mark.parametrize("sent", [b"", b"\x16"], ids=["nothing", "a byte of a handshake"])
def test_clients_that_fall_silent_do_not_hold_up_the_others(door, sent):
    with contextlib.ExitStack() as silent:
        for _ in range(8 * THREADS):
            connection = socket.create_connection(("127.0.0.1", door.port), 20)
            silent.enter_context(connection)
            connection.sendall(sent)
        started = time.monotonic()
        assert door.admit(make_review()).status == 200
        assert time.monotonic() - started < SETUP_S  # none was waited for


@pytest.mark.parametrize("sent", [b"", b"\x16"], ids=["nothing", "a byte of a handshake"])
def test_a_client_that_falls_silent_is_given_up(door, sent):
    with socket.create_connection(("127.0.0.1", door.port), 4 * SETUP_S) as silent:
        silent.sendall(sent)
        assert silent.recv(1) == b""


def test_clients_that_leave_their_end_open_do_not_hold_up_the_others(door):
    with contextlib.ExitStack() as lingering:
        for _ in range(THREADS // 2):
            connection = socket.create_connection(("127.0.0.1", door.port), 20)
            lingering.enter_context(connection)
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")  # no TLS: refused
        started = time.monotonic()
        assert door.admit(make_review()).status == 200
        assert time.monotonic() - started < SETUP_S


def test_probes_and_metrics_are_served(door):
    door.admit(make_review())
    assert door.request("GET", "/livez").status == 200
    assert door.request("GET", "/readyz").json["status"] == "ready"
    assert b'result="allowed"' in door.request("GET", "/metrics").body


def test_a_review_is_logged_by_name_and_never_by_content(own_door):
    secret = SERVICE | {"metadata": SERVICE["metadata"] | {"annotations": {"note": "hush-hush"}}}
    own_door.admit(make_review(object=secret))
    own_door.stop()
    logged = [json.loads(line) for line in own_door.log().splitlines()]
    (told,) = [line for line in logged if line["event"] == "review_answered"]
    assert (told["uid"], told["namespace"], told["name"]) == (UID, "shop", "bar")
    assert "hush-hush" not in own_door.log()


def test_manifests_are_read_again_when_they_change(own_door):
    before = own_door.request("GET", "/readyz").json["digest"]
    (own_door.manifests / "more.yaml").write_text(NODES.replace("node1", "node2"))
    wait_for(lambda: own_door.request("GET", "/readyz").json["digest"] != before, wanted=True)


def test_broken_manifests_keep_the_last_good_world(own_door):
    before = own_door.request("GET", "/readyz").json["digest"]
    (own_door.manifests / "more.yaml").write_text("a: [")
    wait_for(lambda: own_door.request("GET", "/readyz").json["status"], wanted="degraded")
    state = own_door.request("GET", "/readyz")
    assert (state.status, state.json["digest"]) == (200, before)
    assert "more.yaml" in state.json["failure"]


def shown_serial(door: WebhookDoor) -> int:
    pem = ssl.get_server_certificate(("127.0.0.1", door.port))
    return authority.parse_certificates(pem.encode(), "shown")[0].serial_number


def test_a_renewed_certificate_is_shown_without_a_restart(own_door, tmp_path):
    before = shown_serial(own_door)
    other = Folder(tmp_path / "other")
    folder.issue(other, folder.DEFAULT_HOSTS, datetime.now(UTC))
    for name in ("tls.key", "tls.crt", "ca.crt"):
        shutil.copy(other.path / name, own_door.certificates.path / name)
    assert shown_serial(own_door) != before
    assert own_door.admit(make_review()).status == 200


def test_half_a_renewal_shows_the_old_certificate(own_door, tmp_path):
    before = shown_serial(own_door)
    other = Folder(tmp_path / "other")
    folder.issue(other, folder.DEFAULT_HOSTS, datetime.now(UTC))
    shutil.copy(other.server_key, own_door.certificates.server_key)
    assert shown_serial(own_door) == before


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_door_in_order(own_door, sent):
    started = time.monotonic()
    assert own_door.stop(sent) == 0
    assert time.monotonic() - started < 10
