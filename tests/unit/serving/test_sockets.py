import socket
import ssl
import threading
from datetime import UTC, datetime

import pytest

from certs import folder
from certs.folder import Folder
from service.serving import sockets
from webhook.tls import build


@pytest.fixture
def pair(tmp_path) -> Folder:
    made = Folder(tmp_path / "certs")
    folder.issue(made, ["localhost"], datetime.now(UTC))
    return made


@pytest.fixture
def context(pair) -> ssl.SSLContext:
    return build(pair.server_certificate, pair.server_key)


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
                sock.setblocking(True)  # noqa: FBT003  # gunicorn, when a request begins
                serve(sock)
        except OSError as error:
            self.error = error

    def end(self) -> OSError | None:
        self._thread.join(10)
        self.client.close()
        return self.error


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(sockets, "REQUEST_S", 0.2)


def trusting(pair: Folder) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=pair.authority_certificate)


def test_a_client_that_falls_silent_is_given_up(context, hurried, pair):
    conversation = Conversation(context, lambda sock: sock.recv(10))
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


def test_a_client_that_trickles_is_given_up(context, hurried, pair):
    def read_all(sock):
        while sock.recv(1):
            pass

    conversation = Conversation(context, read_all)
    with trusting(pair).wrap_socket(conversation.client, server_hostname="localhost") as client:
        trickle(client)
        assert isinstance(conversation.end(), ConnectionResetError)


def test_a_client_in_time_is_heard(context, pair):
    heard = []
    conversation = Conversation(context, lambda sock: heard.append(sock.recv(10)))
    with trusting(pair).wrap_socket(conversation.client, server_hostname="localhost") as client:
        client.sendall(b"hello")
        assert (conversation.end(), heard) == (None, [b"hello"])


def test_each_request_of_a_connection_has_its_own_time(context, hurried, pair):
    heard = []

    def two_requests(sock):
        for _ in range(2):
            heard.append(sock.recv(10))
            threading.Event().wait(0.15)
            sock.setblocking(True)  # noqa: FBT003  # gunicorn, when the connection becomes readable again

    conversation = Conversation(context, two_requests)
    with trusting(pair).wrap_socket(conversation.client, server_hostname="localhost") as client:
        client.sendall(b"one")
        threading.Event().wait(0.18)
        client.sendall(b"two")
        assert (conversation.end(), heard) == (None, [b"one", b"two"])
