"""A world of nothing, and the door over it without gunicorn."""

import pytest

from service.model.snapshot import Snapshot
from service.policy.world import World


@pytest.fixture
def world() -> World:
    return World.of(Snapshot.of([]))
