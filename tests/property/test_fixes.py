"""No fix and no suggestion is shown that does not hold: it is read back, applied and judged from nothing.

HYPOTHESIS_PROFILE=nightly tries a thousand worlds; the other profiles a few, since each is judged many times.
"""

from __future__ import annotations

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from service.checks.exposure import exposures
from service.checks.run import checks, judged, mended
from service.checks.settings import CheckSettings
from service.checks.suggest import suggest
from service.checks.verdict import Result
from service.model.kinds.k8s_service import Service
from service.net.headerspace import Field
from service.net.prefixes import addresses_in, parse_cidr
from service.policy.cause import Decision
from service.policy.world import World
from tests.factories import decode, make_snapshot
from tests.property import broken_worlds

SETTINGS = CheckSettings()
MENDABLE = {check.id for check in checks() if check.remedies}
WORLDS = {10_000: 1000, 300: 40}.get(settings().max_examples, 10)
few = settings(max_examples=WORLDS)
SOURCES = [parse_cidr("198.51.100.0/24"), parse_cidr("2001:db8:198::/48")]


def read_back(manifest):
    return [decode(document) for document in yaml.safe_load_all(manifest)]


def world_of(objects, manifest=""):
    """The world of raw objects, in which those of *manifest* replace those of their names."""
    return World(make_snapshot(*objects, *(read_back(manifest) if manifest else ())))


def found(world):
    return {one.fingerprint for one in judged(world, SETTINGS) if one.result is not Result.PASS}


def brought_to_light(objects, manifest):
    """What is found as soon as the manifest's host endpoints are there, if they have no policy at all."""
    endpoints = (
        [one for one in read_back(manifest) if one.ref.kind == "HostEndpoint"] if manifest else []
    )
    world = World(make_snapshot(*objects, *endpoints))
    is_silent = all(
        one.obj.profiles == ("projectcalico-default-allow",)
        and not any(policy.selects(world.labels(one.obj)) for policy in world.policies)
        for one in endpoints
    )
    return found(world) if is_silent else set()


@few
@given(objects=broken_worlds.worlds())
def test_a_fix_takes_its_finding_away_and_brings_no_other(objects):
    world = world_of(objects)
    before = found(world)
    for verdict in judged(world, SETTINGS):
        if verdict.check in MENDABLE and verdict.result is not Result.PASS:
            fix = mended(verdict, world, SETTINGS).fix
            if fix is not None:
                after = found(world_of(objects, fix.yaml))
                assert verdict.fingerprint not in after
                assert set() == after - before - brought_to_light(objects, fix.yaml)


@few
@given(objects=broken_worlds.worlds(), data=st.data())
def test_a_suggestion_lets_in_who_was_asked_for_and_brings_no_finding(objects, data):
    world = world_of(objects)
    services = sorted(
        ref for ref, one in world.snapshot.all(Service).items() if one.type == "NodePort"
    )
    if not services:
        return
    ref = data.draw(st.sampled_from(services))
    told = suggest(world, SETTINGS, ref, sources=SOURCES)
    if told.refused:
        assert () == told.objects
        return
    after = world_of(objects, str(told.to_json()["yaml"]))
    news = found(after) - found(world)
    assert set() == news - brought_to_light(objects, str(told.to_json()["yaml"]))
    for one in exposures(after, SETTINGS, after.snapshot.all(Service)[ref]):
        wanted = addresses_in(SOURCES, one.entry.family)
        allowed = one.partition.must(Decision.ALLOW).project(Field.SRC)
        assert wanted <= allowed
        assert not one.partition.may(Decision.UNDECIDED)
