"""Which cluster a question is asked of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.api.worlds import Worlds
from service.cluster.watch import Reading
from service.errors import ConflictError, NotFoundError, SourceError
from service.policy.world import World
from service.store.port import open_store
from tests.factories import make_snapshot, raw


class Served:
    """A source with one reading."""

    def __init__(self, reading):
        self.current = reading

    def start(self):
        """It is."""

    def close(self):
        """Nothing runs."""


def reading(name, **changes):
    world = World.of(make_snapshot(raw("Tier", name, spec={}), revision="7"))
    return replace(Reading(world, 10.0, revision="7", is_live=True), **changes)


@pytest.fixture
def store():
    made = open_store("memory:")
    yield made
    made.close()


def worlds(store, **served):
    return Worlds(store, {name: Served(one) for name, one in served.items()})


def test_the_only_cluster_need_not_be_named(store):
    one = reading("a")
    assert one.world is worlds(store, only=one).asked("", "").world


def test_of_several_the_named_one_is_asked(store):
    one, other = reading("a"), reading("b")
    both = worlds(store, one=one, other=other)
    assert (one.world, other.world) == (both.asked("", "one").world, both.asked("", "other").world)


def test_of_several_one_must_be_named(store):
    with pytest.raises(ConflictError, match="name one of one, other"):
        worlds(store, one=reading("a"), other=reading("b")).asked("", "")


def test_a_cluster_that_is_not_served_is_not_found(store):
    with pytest.raises(NotFoundError, match="there are one"):
        worlds(store, one=reading("a")).asked("", "two")


def test_where_none_is_served_an_audit_must_be_named(store):
    with pytest.raises(ConflictError, match="name an audit"):
        worlds(store).asked("", "")


def test_what_a_cluster_waits_for_is_told(store):
    waiting = reading("a", world=None, waiting=("pods", "services"))
    with pytest.raises(SourceError, match="waiting for pods, services"):
        worlds(store, one=waiting).asked("", "")


def test_a_live_cluster_answers_by_its_revision(store):
    assert {"digest": None, "revision": "7"} == worlds(store, one=reading("a")).asked("", "").dated


def test_manifests_answer_by_their_digest(store):
    one = reading("a", is_live=False)
    asked = worlds(store, manifests=one).asked("", "")
    assert one.world.snapshot.digest == asked.dated["digest"]


def test_several_are_as_old_as_the_oldest_and_as_bad_as_the_worst(store):
    one, other = reading("a"), reading("b", read_at=5.0, failure="no route", revision="9")
    state = worlds(store, one=one, other=other).readiness(20.0)
    assert {
        "status": "degraded",
        "age_s": 15.0,
        "revision": "one=7, other=9",
        "digest": None,
        "failure": "other: no route",
        "waiting": [],
    } == state


def test_while_one_of_them_was_never_read_the_service_is_not_ready(store):
    with pytest.raises(SourceError):
        worlds(store, one=reading("a"), other=reading("b", world=None)).readiness(20.0)
