from service.cluster.readiness import is_ready, readiness
from service.cluster.watch import Reading


def test_before_the_first_reading_the_door_is_loading():
    state = readiness(Reading(), 10.0)
    assert (state["status"], state["age_s"], is_ready(state)) == ("loading", None, False)


def test_manifests_that_were_never_readable_are_told():
    state = readiness(Reading(failure="a.yaml:3: bad"), 10.0)
    assert (state["status"], state["failure"]) == ("unreadable", "a.yaml:3: bad")
    assert not is_ready(state)


def test_a_world_makes_the_door_ready_and_tells_its_age(world):
    state = readiness(Reading(world, read_at=4.0), 10.0)
    assert (state["status"], state["age_s"], is_ready(state)) == ("ready", 6.0, True)


def test_a_world_is_named_by_its_digest(world):
    assert readiness(Reading(world), 1.0)["digest"] == world.snapshot.digest


def test_a_broken_new_state_degrades_but_stays_ready(world):
    state = readiness(Reading(world, read_at=4.0, failure="a.yaml:3: bad"), 10.0)
    assert (state["status"], is_ready(state)) == ("degraded", True)
