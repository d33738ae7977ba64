"""A live cluster as Nodeward follows it, in this process, and what of it a test looks at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from service.cluster.kube import Client
from service.cluster.live import LiveCluster
from tests.kube.server import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SOON_S = 20.0


def _nothing(world: object) -> None:
    """What the doors work out in a new world is not asked for here."""


def use(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Access to the cluster is told by this file from now on."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))


class Following:
    """While it is open, the cluster of the kubeconfig in use is followed."""

    def __enter__(self) -> Self:
        self.cluster = LiveCluster(Client(), _nothing)
        self.cluster.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cluster.close()

    @property
    def is_ready(self) -> bool:
        return self.cluster.view.world is not None

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.cluster.view.proven_at

    def names(self, kind: str) -> list[str]:
        """The names of the objects of a kind, in order; none before there is a world."""
        world = self.cluster.view.world
        if world is None:
            return []
        maps = world.snapshot.maps.values()
        return sorted(ref.name for one in maps for ref in one if ref.kind == kind)

    def ready(self, within_s: float = SOON_S) -> Self:
        wait_until(lambda: self.is_ready, within_s=within_s, what=str(self.cluster.current))
        return self

    def sees(self, kind: str, *names: str, within_s: float = SOON_S) -> None:
        """Wait until these are the objects of the kind."""
        wanted = sorted(names)
        end = time.monotonic() + within_s
        while self.names(kind) != wanted and time.monotonic() < end:
            time.sleep(0.02)
        assert wanted == self.names(kind)
