"""Profiles that host endpoints list: of namespaces, of service accounts, and of a user's own."""

from __future__ import annotations

import pytest

from tests.factories import (
    make_gnp,
    make_hep,
    make_namespace,
    make_profile,
    make_service_account,
)
from tests.trace_factories import W1, answer, disposition, world

WEB = {"action": "Allow", "protocol": "TCP", "destination": {"ports": [9100]}}
DENY, PASS, LOG = ({"action": one} for one in ("Deny", "Pass", "Log"))
ALLOW_ALL = "projectcalico-default-allow"


def hep(*profiles):
    return make_hep(expectedIPs=[W1], profiles=list(profiles))


def told(*objects):
    """The disposition of a packet to a host whose policies leave it to profiles."""
    return disposition(world(*objects))


@pytest.mark.parametrize(
    ("accounts", "expected"), [(["x"], "allowed"), (["default"], "denied"), ([], "unknown")]
)
def test_the_profile_of_an_account_exists_where_the_account_does(accounts, expected):
    found = [make_service_account(one, namespace="shop") for one in accounts]
    assert expected == told(hep("ksa.shop.x", ALLOW_ALL), *found)


def test_whether_the_last_profile_exists_does_not_matter_as_it_allows_nothing():
    assert "denied" == told(hep("ksa.shop.x"))


def test_rules_of_a_profile_decide_before_the_profiles_after_it():
    mine = make_profile("mine", ingress=[LOG, WEB, DENY])
    assert "allowed" == told(hep("mine"), mine)
    refused = answer(world(hep("mine", ALLOW_ALL), mine), port=80)
    assert ("denied", "profile mine rule 2") == (refused.disposition, refused.stages[-1].note)


def test_what_no_rule_of_a_profile_matches_goes_on_to_the_next():
    assert "allowed" == told(hep("mine", ALLOW_ALL), make_profile("mine", ingress=[]))
    assert "denied" == told(hep("mine"), make_profile("mine", ingress=[]))


def test_pass_leaves_a_profile_as_if_nothing_matched():
    mine = make_profile("mine", ingress=[PASS, DENY])
    assert "allowed" == told(hep("mine", ALLOW_ALL), mine)


def test_an_endpoint_inherits_the_labels_of_all_its_profiles_the_first_before_the_others():
    profiles = [
        make_profile("mine", labelsToApply={"zone": "a"}, ingress=[]),
        make_profile("other", labelsToApply={"zone": "b", "rack": "1"}, ingress=[]),
        make_namespace("shop", labels={"env": "prod"}),
        make_service_account("x", namespace="shop", labels={"team": "red"}),
    ]
    where = hep("mine", "other", "kns.shop", "ksa.shop.x")
    selector = "zone == 'a' && rack == '1' && pcns.env == 'prod' && pcsa.team == 'red'"
    guard = make_gnp("guard", selector=selector, types=["Ingress"], ingress=[WEB])
    found = answer(world(where, guard, *profiles))
    assert ("allowed", "guard") == (found.disposition, found.stages[-1].policy)
