import socket
import ssl
import threading
from datetime import UTC, datetime

import pytest

from certs import folder
from certs.folder import Folder
from webhook import tls
from webhook.tls import Contexts


def make_pair(path) -> Folder:
    made = Folder(path)
    folder.issue(made, ["localhost"], datetime.now(UTC))
    return made


@pytest.fixture
def pair(tmp_path) -> Folder:
    return make_pair(tmp_path / "one")


@pytest.fixture
def contexts(pair) -> Contexts:
    return Contexts(pair.server_certificate, pair.server_key)


def replace(pair: Folder, other: Folder, *names: str) -> None:
    for name in names:
        (other.path / name).replace(pair.path / name)


def test_files_that_stay_the_same_give_the_same_context(contexts):
    assert contexts.current() is contexts.current()


def test_a_renewed_pair_gives_a_new_context(contexts, pair, tmp_path):
    before = contexts.current()
    replace(pair, make_pair(tmp_path / "two"), "tls.crt", "tls.key")
    assert contexts.current() is not before


def test_a_key_of_another_certificate_keeps_the_old_context(contexts, pair, tmp_path):
    before = contexts.current()
    replace(pair, make_pair(tmp_path / "two"), "tls.key")
    assert contexts.current() is before


def test_the_second_half_of_a_renewal_ends_the_old_context(contexts, pair, tmp_path):
    before = contexts.current()
    other = make_pair(tmp_path / "two")
    replace(pair, other, "tls.key")
    contexts.current()
    replace(pair, other, "tls.crt")
    assert contexts.current() is not before


@pytest.mark.parametrize("name", ["tls.crt", "tls.key"])
def test_a_missing_file_keeps_the_old_context(contexts, pair, name):
    before = contexts.current()
    (pair.path / name).unlink()
    assert contexts.current() is before


def test_a_pair_that_was_never_usable_is_an_error(contexts, pair):
    pair.server_key.write_text("rubbish")
    with pytest.raises(ssl.SSLError):
        contexts.current()


def test_nothing_older_than_tls_1_2_is_spoken(contexts):
    assert contexts.current().minimum_version is ssl.TLSVersion.TLSv1_2


class Conversation:
    """A server's side in a thread, as gunicorn goes about it, and a client's end."""

    def __init__(self, context: ssl.SSLContext, serve) -> None:
        ours, self.client = socket.socketpair()
        self.error: OSError | None = None
        self._thread = threading.Thread(target=self._serve, args=(context, ours, serve))
        self._thread.start()

    def _serve(self, context, ours, serve) -> None:
        try:
            with context.wrap_socket(ours, server_side=True, do_handshake_on_connect=False) as sock:
                sock.do_handshake()
                serve(sock)
        except OSError as error:
            self.error = error

    def end(self) -> OSError | None:
        self._thread.join(10)
        self.client.close()
        return self.error


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(tls, "HANDSHAKE_S", 0.2)
    monkeypatch.setattr(tls, "REQUEST_S", 0.2)


def trusting(pair: Folder) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=pair.authority_certificate)


def test_a_client_that_never_shakes_hands_is_given_up(contexts, hurried):
    conversation = Conversation(contexts.current(), lambda _sock: None)
    assert isinstance(conversation.end(), ConnectionResetError)


def test_a_client_that_falls_silent_is_given_up(contexts, hurried, pair):
    conversation = Conversation(contexts.current(), lambda sock: sock.recv(10))
    with trusting(pair).wrap_socket(conversation.client, server_hostname="localhost"):
        assert isinstance(conversation.end(), ConnectionResetError)


def trickle(client: ssl.SSLSocket) -> None:
    """Send a byte now and then, until the server hangs up."""
    while True:
        threading.Event().wait(0.05)
        try:
            client.sendall(b"x")
        except OSError:
            return


def test_a_client_that_trickles_is_given_up(contexts, hurried, pair):
    def read_all(sock):
        while sock.recv(1):
            pass

    conversation = Conversation(contexts.current(), read_all)
    with trusting(pair).wrap_socket(conversation.client, server_hostname="localhost") as client:
        trickle(client)
        assert isinstance(conversation.end(), ConnectionResetError)


def test_a_client_in_time_is_heard(contexts, pair):
    heard = []
    conversation = Conversation(contexts.current(), lambda sock: heard.append(sock.recv(10)))
    with trusting(pair).wrap_socket(conversation.client, server_hostname="localhost") as client:
        client.sendall(b"hello")
        assert (conversation.end(), heard) == (None, [b"hello"])


def test_each_request_of_a_connection_has_its_own_time(contexts, hurried, pair):
    heard = []

    def two_requests(sock):
        for _ in range(2):
            heard.append(sock.recv(10))
            threading.Event().wait(0.15)
            sock.setblocking(True)  # noqa: FBT003  # gunicorn, when the connection becomes readable again

    conversation = Conversation(contexts.current(), two_requests)
    with trusting(pair).wrap_socket(conversation.client, server_hostname="localhost") as client:
        client.sendall(b"one")
        threading.Event().wait(0.18)
        client.sendall(b"two")
        assert (conversation.end(), heard) == (None, [b"one", b"two"])
