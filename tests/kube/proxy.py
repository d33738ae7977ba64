"""A loopback proxy between a client and the API server, which can be slow, deaf or cut."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Self

_CHUNK = 16 * 1024
_RESET = struct.pack("ii", 1, 0)


@dataclass
class Proxy:
    """Passes bytes on to *target*, a port of loopback.

    ``rate`` is the most bytes a second that it passes from the server on one connection.
    """

    target: int
    rate: float = float("inf")
    connections: int = 0
    """How many were made so far."""
    _open: set[socket.socket] = field(default_factory=set)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._flowing = threading.Event()
        self._flowing.set()
        self._lock = threading.Lock()
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._flowing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def cut(self) -> None:
        """Reset every connection that is open; new ones are taken."""
        with self._lock:
            cut, self._open = self._open, set()
        for one in cut:
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                one.shutdown(socket.SHUT_RDWR)

    def hold(self) -> None:
        """Pass nothing on, in either direction, and close nothing: a peer that is gone without a word."""
        self._flowing.clear()

    def release(self) -> None:
        self._flowing.set()

    def _spawn(self, work, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._open |= {client, server}
            self._spawn(self._pump, client, server, float("inf"))
            self._spawn(self._pump, server, client, self.rate)

    def _pump(self, source: socket.socket, sink: socket.socket, rate: float) -> None:
        size = int(min(_CHUNK, max(1.0, rate / 10)))
        with contextlib.suppress(OSError):
            while sent := source.recv(size):
                self._flowing.wait()
                sink.sendall(sent)
                if rate != float("inf"):
                    time.sleep(len(sent) / rate)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._forget(source)

    def _forget(self, one: socket.socket) -> None:
        """Each socket is closed by the pump that reads it, and by no other: its number is soon another's."""
        with self._lock:
            self._open.discard(one)
        one.close()
