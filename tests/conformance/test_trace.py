"""The trace says what real packets through the real dataplane showed: each flow of each world.

The worlds are dealt out to as many tests as keep every core busy. What stays unknown is listed.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.conformance.measured import told
from tests.reference.measured import worlds

ARCHIVE = Path(__file__).parent / "felix.tar.xz"
FLOWS = {
    "iptables": 2847,
    "pods": 20328,
    "pods-iptables": 2772,
    "random": 18123,
    "recipes": 13432,
}
HANDS = 16
# A rule there asks for source ports 20000 to 20500, and these four come from behind a masquerade,
# which draws the port at random.
LEFT_TO_CHANCE = {
    "random/033": (
        "node-clusterip",
        "out-nodeport-tcp",
        "pod-hostpod",
        "pod-othernode-nodeport",
    )
}


@cache
def measured():
    return list(worlds(ARCHIVE))


def test_the_archive_is_whole():
    counts = Counter()
    for one in measured():
        counts[one.folder] += len(one.flows.splitlines())
    assert counts == FLOWS


@pytest.mark.timeout(600)
@pytest.mark.parametrize("hand", range(HANDS))
def test_every_trace_agrees_with_what_was_measured(hand):
    dealt = measured()[hand::HANDS]
    found = [answer for one in dealt for answer in told(one)]
    assert [] == [(one.world, one.flow, one.text) for one in found if one.outcome == "wrong"]

    unknown = Counter((one.path, one.kind) for one in found if one.outcome == "unknown")
    expected = Counter(
        (path, kind)
        for path, kinds in LEFT_TO_CHANCE.items()
        if path in {f"{one.folder}/{one.name}" for one in dealt}
        for kind in kinds
    )
    assert expected == unknown
