"""The packet that proves a finding proves it: the trace of it says what the check said."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.audit.cases import load_case
from service.checks.exposure import exposures
from service.checks.finding import witness_json
from service.checks.run import audit
from service.checks.settings import check_settings
from service.checks.verdict import Result
from service.policy.flow_query import parse_flow
from service.policy.trace import trace
from service.policy.world import World

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/expect.yaml"))
GUARDS = {"untracked", "preDNAT"}


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def asked(request):
    case = load_case(request.param)
    return World.of(case.loaded.snapshot), check_settings(case.settings)


def traced(world, witness):
    """The trace of a witness packet; nothing where its node's address is not known."""
    flow = witness_json(witness)["flow"]
    found = trace(world, parse_flow(flow))
    return None if found.unknown and not found.stages else found


def test_a_packet_that_nobody_guards_passes_both_guards(asked):
    world, settings = asked
    for verdict in audit(world, settings, {"nodeport-unguarded"}):
        surely = verdict.space is not None and verdict.space.must
        if verdict.result is Result.FAIL and verdict.witness and surely:
            found = traced(world, verdict.witness)
            stages = found.stages if found else ()
            assert "deny" not in [one.verdict for one in stages if one.hook in GUARDS]


def test_a_packet_that_is_lost_is_denied(asked):
    world, settings = asked
    for verdict in audit(world, settings, {"apiserver-lockout"}):
        if verdict.reason == "lost" and verdict.witness:
            found = traced(world, verdict.witness)
            # A pod's own policy is none of the hosts'.
            assert found is None or "denied" in {found.at_host, found.disposition}


def test_the_packet_of_each_part_of_an_exposure_is_decided_as_the_part_says(asked):
    world, settings = asked
    for exposure in exposures(world, settings):
        for part in exposure.to_json()["parts"]:
            flow = part["witness"]["flow"]
            if "node" in flow["to"]:
                continue  # an address that nobody listed: no flow can name it
            found = trace(world, parse_flow(flow))
            first = found.stages[0].node if found.stages else ""
            guards = [
                one
                for one in found.stages
                if one.hook in GUARDS and one.node == first and one.direction == "ingress"
            ]
            decided = guards[-1:]
            if part["certain"] and decided and part["rule"]["hook"] in GUARDS:
                shown = {"skipped": "allow"}.get(decided[0].verdict, decided[0].verdict)
                assert shown == part["decision"]
