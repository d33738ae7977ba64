"""Does the trace say what a real kernel does to real packets, under the chains that Felix would make?"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.kernel.machine import unavailable
from tests.kernel.worlds import THEMES

# Each run has namespaces of its own; together in one worker they leave the other one free.
pytestmark = [pytest.mark.kernel, pytest.mark.timeout(300), pytest.mark.xdist_group("kernel")]
EACH = 60
MET = {
    "guard": {
        ("untracked ingress", "allow"),
        ("untracked ingress", "deny"),
        ("untracked egress", "deny"),
        ("preDNAT ingress", "allow"),
        ("preDNAT ingress", "deny"),
        ("dnat ingress", "translated"),
    },
    "forward": {
        ("forward ingress", "allow"),
        ("forward ingress", "deny"),
        ("forward egress", "allow"),
        ("forward egress", "deny"),
        ("dnat egress", "translated"),
    },
    "hosts": {
        ("normal ingress", "allow"),
        ("normal ingress", "deny"),
        ("normal egress", "allow"),
        ("normal egress", "deny"),
    },
    "pods": {
        ("workload ingress", "allow"),
        ("workload ingress", "deny"),
        ("workload egress", "allow"),
        ("workload egress", "deny"),
    },
    "mixed": {("preDNAT ingress", "deny"), ("workload ingress", "deny")},
}


@pytest.fixture(scope="module", autouse=True)
def machine():
    reason = unavailable()
    if reason:
        pytest.skip(reason)


def run(*arguments):
    command = [sys.executable, "-m", "tests.kernel", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("theme", THEMES)
def test_the_kernel_does_what_the_trace_says_in_drawn_worlds(theme):
    found = run("--theme", theme, "--worlds", 8, "--each", EACH)
    assert [] == found["differing"]
    assert 8 * EACH == found["packets"]
    met = {(hook, verdict) for hook, counts in found["by_hook"].items() for verdict in counts}
    assert set() == MET[theme] - met
    assert found["unknown"] < found["packets"] / 20


def test_the_kernel_does_what_the_trace_says_in_the_recipes():
    found = run("--theme", "recipes", "--each", 20)
    assert [] == found["differing"]
    assert found["worlds"] > 40


def test_established_connections_outlive_the_policies_that_allowed_them():
    found = run("--theme", "established", "--worlds", 8, "--each", 120)
    assert [] == found["differing"]
    outlived = {hook for hook, counts in found["by_hook"].items() if counts.get("allow")}
    assert {"normal ingress", "normal egress", "workload ingress", "workload egress"} <= outlived
    assert found["allowed"] > 40


def test_most_denials_are_told_to_the_very_rule_or_hook():
    found = run("--theme", "mixed", "--worlds", 6, "--each", EACH, "--seed", 1000)
    assert [] == found["differing"]
    told = found["denied_by"].get("rule", 0) + found["denied_by"].get("hook", 0)
    assert told > 0.6 * found["denied"]
    assert found["denied_by"]["rule"] > 0


def test_policies_that_the_engine_does_not_see_are_noticed():
    found = run("--theme", "guard", "--worlds", 2, "--each", EACH, "--lying")
    assert found["disagreements"] > 10
