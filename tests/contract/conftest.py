"""A REST door over a store in memory, and a caller who may do everything.

What a door needs is imported by its fixtures, so that the suites of other doors stay quick.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

STARTED = datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.fixture
def store():
    from service.store.port import open_store

    return open_store("memory:")


@pytest.fixture
def clock():
    """A clock that is a second later at each look."""
    ticks = count()
    return lambda: STARTED + timedelta(seconds=next(ticks))


@pytest.fixture
def app(store, clock):
    """A door that serves an empty cluster."""
    from service.api.app import create_app
    from service.api.context import Context
    from service.api.worlds import Worlds
    from service.policy.world import World
    from service.settings import Settings
    from tests.factories import make_snapshot
    from tests.watch_factories import make_watch

    served = make_watch(World.of(make_snapshot()))
    return create_app(Context(store, Worlds(store, {"manifests": served}), Settings(), clock))


@pytest.fixture
def bearer(store):
    """The headers of a caller who may do everything."""
    from service.api import auth

    return {"Authorization": f"Bearer {auth.first_secret(store, STARTED)}"}


@pytest.fixture
def client(app, bearer):
    """A caller who may do everything."""
    caller = app.test_client()
    caller.environ_base["HTTP_AUTHORIZATION"] = bearer["Authorization"]
    return caller
