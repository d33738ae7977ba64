"""The run over measured worlds counts what it reads, and says where it cannot."""

from __future__ import annotations

import json

import pytest

from tests.conformance.measured import IllegibleError, told
from tests.reference.measured import MeasuredWorld

NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "w1"},
    "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.11"}]},
}
FLOW = {"from": {"ip": "203.0.113.9"}, "to": {"node": "w1"}, "protocol": "TCP", "port": 22}
ROW = {"flow": FLOW, "disposition": "allowed"}


def run(rows, cluster=NODE):
    flows = "\n".join(map(json.dumps, rows))
    return told(MeasuredWorld("random", "001", json.dumps(cluster), flows))


@pytest.mark.parametrize("cluster", [NODE, {"kind": "List", "items": [NODE]}])
def test_objects_are_documents_or_in_lists(cluster):
    assert ["right"] == [one.outcome for one in run([ROW], cluster)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"disposition": "allowed"}, "there is no 'flow' that is known"),
        ({"flow": FLOW}, "there is no 'disposition' that is known"),
        ({"flow": FLOW, "disposition": "perhaps"}, "there is no 'perhaps' that is known"),
        ({**ROW, "flow": {"to": {"node": "w1"}}}, "input /from: from is missing"),
    ],
)
def test_a_flow_that_cannot_be_read_is_named_by_its_line(row, reason):
    with pytest.raises(IllegibleError) as raised:
        run([ROW, row])
    assert f"random/001/flows.jsonl line 2: {reason}" == str(raised.value)
