"""Reach and the trace agree on every dataplane: points of each part of measured worlds, changed.

A trace walks one packet and reach a set of them; where a way depends on something that reach does not cut
its sets by, a point inside of a part has another fate than the part.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
import yaml

from service.net.headerspace import Field
from service.policy import witness as witnesses
from service.policy.profile import DEFAULT_PROFILE, Dataplane
from service.policy.question import parse_question
from service.policy.reach import reach
from service.policy.trace import trace
from service.policy.world import World
from tests.conformance.test_trace_beyond_the_data import CHANGES, measured
from tests.factories import decode, make_snapshot

POINTS = 3
PORTS = (22, 53, 68, 80, 179, 443, 1024, 4789, 6443, 8080, 25000, 29999, 30080, 31500, 32767)
PEERS = [{"node": "*"}, {"pod": "*"}]
QUESTIONS = (
    {"from": {"pod": "*"}, "to": PEERS},
    {"from": {"node": "w1"}, "to": PEERS},
    {"from": {"outside": True}, "to": {"node": "*"}},
)


def built(one, change, dataplane):
    objects = [raw for raw in yaml.load_all(one.cluster, Loader=yaml.CSafeLoader) if raw]
    CHANGES[change](objects)
    if dataplane is Dataplane.BPF:
        for raw in objects:
            if raw["kind"] == "FelixConfiguration":
                raw["spec"].pop("nftablesMode", None)
                raw["spec"]["bpfEnabled"] = True
    profile = replace(DEFAULT_PROFILE, dataplane=dataplane)
    return World.of(make_snapshot(*map(decode, objects)), profile)


def points(random, world, part):
    """Flows out of *part*, drawn towards what ways depend on."""
    for _ in range(POINTS):
        wanted = {
            Field.PROTOCOL: random.sample([1, 4, 6, 17, 47, 58, 132], 4),
            Field.DST_PORT: [*random.sample(PORTS, 8), random.randint(1, 65535)],
            Field.ICMP_TYPE: random.sample([0, 3, 8, 128, 133, 135], 3),
            Field.DST: [random.choice(part.space.project(Field.DST).ranges)[1]],
            Field.SRC: [random.choice(part.space.project(Field.SRC).ranges)[1]],
        }
        yield witnesses.witness(world, part.origin, part.space, prefer=wanted)


def differences(random, one, change, *, dataplane, question):
    """Points of parts whose trace says something else than the part."""
    world = built(one, change, dataplane)
    for part in reach(world, parse_question(question)).parts:
        for flow in points(random, world, part):
            found = trace(world, flow)
            if found.disposition != part.disposition:
                yield one.name, change, part.disposition, found.to_text()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("dataplane", Dataplane)
def test_points_of_each_part_are_traced_to_its_disposition(dataplane):
    random = Random(dataplane.value)
    differing = []
    for asked, one in zip(QUESTIONS, random.sample(measured(), len(QUESTIONS)), strict=True):
        question = {**asked, "family": random.choice([4, 6])}
        change = random.choice(sorted(CHANGES))
        differing += differences(random, one, change, dataplane=dataplane, question=question)
    assert [] == differing


def test_programs_judge_each_pod_of_a_set_by_its_own_policies():
    [one] = [one for one in measured() if (one.folder, one.name) == ("pods-iptables", "1403")]
    question = {**QUESTIONS[0], "family": 4}
    found = differences(
        Random(11), one, "encapsulating-pods", dataplane=Dataplane.BPF, question=question
    )
    assert [] == list(found)
