"""Reach says what real packets through the real dataplane showed, of whole sets that they are in.

For each measured flow the question leaves open what the flow tells of ports, protocol and ICMP: the flow
is to be in the part of the answer that was measured. `make reach-conformance` asks for every flow.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from functools import cache
from pathlib import Path
from random import Random

import pytest
import yaml

from service.policy.flow_query import parse_flow
from service.policy.question import parse_question
from service.policy.reach import reach
from service.policy.trace import packets_of, trace
from service.policy.world import World
from tests.factories import decode, make_snapshot
from tests.reference.measured import worlds

ARCHIVE = Path(__file__).parent / "felix.tar.xz"
WORLDS = int(os.environ.get("NODEWARD_REACH_WORLDS", "8"))
HANDS = 8
CLIENT_PORT = 1024
OPEN = {"from", "to", "via", "established", "family"}


@cache
def chosen():
    every = list(worlds(ARCHIVE))
    return Random("reach").sample(every, min(WORLDS, len(every)))


def questions(flows):
    """The flows by the question that leaves open what they tell of the header."""
    asked = defaultdict(list)
    for flow in flows:
        question = {name: value for name, value in flow.items() if name in OPEN}
        if "service" in flow["to"] and "port" in flow:
            question |= {"port": flow["port"], "protocol": flow["protocol"]}
        if flow.get("src_port", CLIENT_PORT) < CLIENT_PORT:
            question["src_port"] = flow["src_port"]
        asked[json.dumps(question, sort_keys=True)].append(flow)
    return asked


def answered(world, answer, flow):
    """The disposition of one flow by the parts of *answer* that it is in."""
    query = parse_flow(flow)
    packets = packets_of(world, query)
    if packets is None:
        return "unknown"
    found = {
        part.disposition.value
        for part in answer.parts
        if part.space.family is query.family and part.space & packets
    }
    return found.pop() if len(found) == 1 else "unknown"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("hand", range(HANDS))
def test_every_measured_flow_is_in_the_part_that_was_measured(hand):
    wrong, unknown = [], []
    for one in chosen()[hand::HANDS]:
        objects = yaml.load_all(one.cluster, Loader=yaml.CSafeLoader)
        world = World.of(make_snapshot(*(decode(raw) for raw in objects if raw)))
        measured = {}
        for row in map(json.loads, one.flows.splitlines()):
            measured[json.dumps(row["flow"])] = row["disposition"]
        for question, flows in questions(map(json.loads, measured)).items():
            answer = reach(world, parse_question(json.loads(question)))
            for flow in flows:
                expected, found = measured[json.dumps(flow)], answered(world, answer, flow)
                if found == "unknown":
                    told = trace(world, parse_flow(flow)).disposition.value
                    unknown += [] if told == found else [(one.name, flow, expected, told)]
                elif found != expected:
                    wrong.append((one.name, flow, expected, found))
    assert [] == wrong
    assert [] == unknown
