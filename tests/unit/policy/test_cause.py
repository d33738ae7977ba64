from __future__ import annotations

import pytest

from service.model.refs import ObjectRef
from service.policy.cause import Cause, Direction, Hook, Reason

POLICY = ObjectRef("projectcalico.org", "GlobalNetworkPolicy", "", "deny")


@pytest.mark.parametrize(
    ("reason", "fields", "expected"),
    [
        (Reason.RULE, {"policy": POLICY, "rule": 2}, "GlobalNetworkPolicy deny, ingress rule 2"),
        (Reason.END_OF_TIER, {"policy": POLICY, "tier": "security"}, "end of tier security"),
        (Reason.FAILSAFE, {}, "failsafe"),
    ],
)
def test_a_cause_says_what_decided(reason, fields, expected):
    assert expected == str(Cause(reason, Hook.NORMAL, Direction.INGRESS, **fields))
