"""The door as a process: gunicorn with our configuration, in the process of ``nodeward webhook``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gunicorn.app.base import Application

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask

CONFIGURATION: Final = Path(__file__).with_name("gunicorn.conf.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says, under gunicorn's names; there is no way to leave out the pair."""

    bind: str
    certfile: str
    keyfile: str
    workers: int
    threads: int


def run(paths: Sequence[str], options: Options) -> None:
    """Serve reviews in the world of the manifests at *paths* until a signal ends it.

    Raises: SystemExit.
    """
    _Server(tuple(paths), options).run()


class _Server(Application):  # type: ignore[misc]  # gunicorn ships no types
    """Not gunicorn's own command: that one would put the current folder before our packages."""

    def __init__(self, paths: tuple[str, ...], options: Options) -> None:
        self._paths = paths
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        self.load_config_from_file(str(CONFIGURATION))
        for name, value in asdict(self._options).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The app, made in the worker: its thread would not survive the fork."""
        from webhook.app import serve  # noqa: PLC0415  # the arbiter has no use for the engine

        return serve(self._paths)
