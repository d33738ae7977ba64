"""Network namespaces of one process: made, entered, and commands run in them."""

from __future__ import annotations

import ctypes
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CLONE_NEWNET = 0x40000000
_OWN = "/proc/thread-self/ns/net"
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A new network namespace, that lives as long as its file descriptor is open."""

    def __init__(self, name: str) -> None:
        """An empty one but for its loopback device; `name` is for messages."""
        self.name = name
        home = os.open(_OWN, os.O_RDONLY)
        _call(_libc.unshare, _CLONE_NEWNET)
        self._fd = os.open(_OWN, os.O_RDONLY)
        _call(_libc.setns, home, _CLONE_NEWNET)
        os.close(home)

    @property
    def path(self) -> str:
        """Where other processes find it, `ip` among them."""
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Within, new sockets and processes of this thread belong to the namespace."""
        home = os.open(_OWN, os.O_RDONLY)
        _call(_libc.setns, self._fd, _CLONE_NEWNET)
        try:
            yield
        finally:
            _call(_libc.setns, home, _CLONE_NEWNET)
            os.close(home)

    def ip(self, lines: Iterable[str]) -> None:
        """Run commands of `ip`, those that begin with "-6" after all others."""
        listed = [line.removeprefix("-4 ") for line in lines]
        late = [line.removeprefix("-6 ") for line in listed if line.startswith("-6 ")]
        self._fed(["ip", "-batch", "-"], _text(line for line in listed if line[:3] != "-6 "))
        if late:
            self._fed(["ip", "-6", "-batch", "-"], _text(late))

    def bridge(self, lines: Iterable[str]) -> None:
        """Run commands of `bridge`."""
        self._fed(["bridge", "-batch", "-"], _text(lines))

    def nft(self, script: str) -> None:
        """Load an nftables script, whole or not at all."""
        self._fed(["nft", "-f", "-"], script)

    def _fed(self, command: list[str], text: str) -> None:
        with self.entered():
            done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
        if done.returncode:
            raise OSError(f"{command[0]} in {self.name}: {done.stderr.strip()}\n{text}")

    def sysctl(self, **settings: str) -> None:
        """Set what is below /proc/sys/net; "__" stands for "/"."""
        with self.entered():
            for name, value in settings.items():
                Path("/proc/sys/net", *name.split("__")).write_text(value, encoding="ascii")

    def close(self) -> None:
        """Give it up; it goes with its last process and socket."""
        os.close(self._fd)


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _call(function: ctypes._FuncPointer, *arguments: int) -> None:
    if function(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
