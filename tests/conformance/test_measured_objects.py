"""Every object of the measured worlds is read, and nothing is said of it that Calico would not say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from service.cluster.manifests import load_text
from service.model.meta import Layer
from tests.reference.measured import worlds

ARCHIVE = Path(__file__).with_name("felix.tar.xz")
CALICO = {
    "GlobalNetworkPolicy",
    "GlobalNetworkSet",
    "NetworkPolicy",
    "StagedGlobalNetworkPolicy",
}


@pytest.mark.timeout(600)
def test_every_object_is_read_and_only_calico_finds_fault_with_one():
    loaded = [load_text(one.cluster, one.name) for one in worlds(ARCHIVE)]
    assert 433 == len(loaded)
    assert ({}, ()) == (
        dict(Counter(kind for one in loaded for kind in one.skipped)),
        tuple(error for one in loaded for error in one.errors),
    )
    faulty = [one for world in loaded for one in world.snapshot.problems()]
    assert CALICO == {one.ref.kind for one in faulty}
    assert {"projectcalico.org"} == {one.ref.group for one in faulty}
    assert not {Layer.SCHEMA, Layer.STRICT, Layer.DECODE} & {
        problem.layer for one in faulty for problem in one.problems
    }
