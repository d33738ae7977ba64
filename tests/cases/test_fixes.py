"""Which fix a case's findings come with; that each holds is the law of tests/property/test_fixes.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.audit.cases import load_case
from service.checks.fix import is_mendable
from service.checks.run import judged, mended
from service.checks.settings import check_settings
from service.policy.world import World

CASES = Path(__file__).parent


def fixes(case, check):
    """The summaries of the fixes of *check*'s findings that may have one, "" for none."""
    loaded = load_case(CASES / case)
    world, settings = World.of(loaded.loaded.snapshot), check_settings(loaded.settings)
    found = (one for one in judged(world, settings, {check}) if is_mendable(one))
    shown = (mended(one, world, settings).fix for one in found)
    return [fix.summary if fix else "" for fix in shown]


@pytest.mark.parametrize(
    ("case", "check", "expected"),
    [
        ("s04-deny-before-allow", "shadowed-rule", ["change GlobalNetworkPolicy allow-admin"]),
        ("nodeport-allow-all", "shadowed-rule", [""]),
        (
            "redundant-narrow-beside-wide",
            "redundant-rule",
            ["change NetworkPolicy shop/db-from-web"],
        ),
        ("s04-tie-by-name", "contradictory-rules", ["change GlobalNetworkPolicy allow-admin"]),
        ("s03-allow-only", "no-trailing-deny", ["change GlobalNetworkPolicy allow-admin"]),
        (
            "pinhole-of-a-deleted-service",
            "pinhole-unused",
            ["change GlobalNetworkPolicy allow-office"],
        ),
        ("call-ingress-half-missing", "dead-call", ["create NetworkPolicy shop/web-to-db-ingress"]),
        ("call-egress-half-missing", "dead-call", ["create NetworkPolicy shop/db-from-web-egress"]),
        ("call-without-dns", "dead-call", ["change NetworkPolicy shop/web-to-db"]),
        (
            "published-workloads",
            "exposed-without-policy",
            ["create NetworkPolicy default/bar-ingress"],
        ),
        (
            "s01-endpoint-missing-on-a-node",
            "node-without-host-endpoint",
            ["create HostEndpoint w2-nodeward"],
        ),
        ("missing-tier-among-others", "missing-tier", ["create Tier secure"]),
        (
            "s06-normal-policy",
            "normal-policy-on-node-port",
            ["change GlobalNetworkPolicy deny-web"],
        ),
        (
            "s32-daemon-in-the-range",
            "normal-policy-on-node-port",
            [
                "create GlobalNetworkPolicy deny-daemon-prednat; change GlobalNetworkPolicy deny-daemon",
            ],
        ),
        (
            "s14-6443-out-of-the-failsafes",
            "failsafe-changed",
            ["change FelixConfiguration default"],
        ),
        ("apiserver-lost-egress", "failsafe-changed", ["change FelixConfiguration default"]),
        ("failsafes-widened", "failsafe-changed", [""]),
        ("s11-load-balancer-address", "external-address-unguarded", [""]),
        (
            "negative-selector-that-allows",
            "negative-namespace-selector",
            ["change GlobalNetworkPolicy allow-metrics"],
        ),
        ("s08-ipv6-open-by-nets", "family-forgotten", ["change GlobalNetworkPolicy deny-outside"]),
    ],
)
def test_a_finding_comes_with_the_fix_that_mends_it(case, check, expected):
    assert expected == fixes(case, check)


@pytest.mark.parametrize(
    ("check", "kinds"),
    [
        ("dataplane-stall", {"change"}),
        ("external-address-unguarded", {"create"}),
        ("host-port-unguarded", {"create"}),
        ("untracked-one-way", {"change"}),
    ],
)
def test_a_check_of_hosts_mends_some_of_its_cases(check, kinds):
    found = [
        one
        for case in sorted(CASES.glob("*/expect.yaml"))
        if check in case.read_text()
        for one in fixes(case.parent.name, check)
    ]
    assert kinds == {one.split(" ")[0] for one in found if one}
