"""A world of nothing, for what is about doors and watches."""

import pytest

from service.model.snapshot import Snapshot
from service.policy.world import World


@pytest.fixture
def world() -> World:
    return World.of(Snapshot.of([]))
