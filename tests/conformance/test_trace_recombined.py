"""The trace agrees with the reference model in worlds recombined from the measured ones, on every dataplane.

`NODEWARD_RECOMBINED` says how many worlds each dataplane gets; a night takes thousands.
"""

from __future__ import annotations

import json
import os

import pytest

from service.policy.flow_query import parse_flow
from service.policy.profile import ClusterProfile, Dataplane, Release
from service.policy.trace import trace
from service.policy.world import World
from tests.conformance.measured import BED
from tests.conformance.recombined import recombined
from tests.factories import decode, make_snapshot
from tests.reference.model import Model

WORLDS = int(os.environ.get("NODEWARD_RECOMBINED", "8"))
MINORS = (34, 31, 34, 28)  # of Calico v3
ROUTES = {"10.96.0.0/16": "w1"}
# Of what is left to chance the model tries single source ports; the trace knows sets of them.
CHANCE = "it depends on what is left to chance"
# kube-proxy's mode is in no object; the model takes it for nftables.
LOOPBACK = ("whether node ports answer on loopback depends on kube-proxy",)


def differing(seed, plane):
    """The flows of the world of *seed*, on a release of its own, of which the two do not say the same."""
    one = recombined(seed, plane)
    minor = MINORS[seed % len(MINORS)]
    model = Model(one.objects, ROUTES, minor=minor, dataplane=plane)
    profile = ClusterProfile(Release(minor), Dataplane(plane), routes=BED.routes)
    world = World.of(make_snapshot(*map(decode, one.objects)), profile)
    for flow in one.flows:
        expected = model.verdict(flow)
        found = trace(world, parse_flow(flow))
        is_left_open = expected.unknown == CHANCE or found.unknown == LOOPBACK
        if expected.disposition != found.disposition and not is_left_open:
            yield seed, json.dumps(flow), expected.disposition, found.to_text()


@pytest.mark.timeout(0)
@pytest.mark.parametrize("plane", [one.value for one in Dataplane])
def test_the_trace_agrees_with_the_model_in_recombined_worlds(plane):
    first = 10_000 * [*Dataplane].index(Dataplane(plane))
    seeds = range(first, first + WORLDS)
    assert [] == [one for seed in seeds for one in differing(seed, plane)]
