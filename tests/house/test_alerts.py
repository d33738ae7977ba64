"""Alerts are about metrics that there are."""

from __future__ import annotations

import re

import yaml

from service import telemetry
from tests.house.source import ROOT

RULES = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/alerts.yaml").read_text("utf-8"))["spec"]["groups"]
    for rule in group["rules"]
]


def test_every_alert_is_about_metrics_that_there_are():
    named = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in telemetry.REGISTRY.collect()
    }
    asked = {name for rule in RULES for name in re.findall(r"nodeward_\w+", rule["expr"])}
    assert set() == asked - named
    assert {"nodeward_findings", "nodeward_admission_overrides_total"} <= asked


def test_every_alert_says_what_it_means():
    assert [] == [rule["alert"] for rule in RULES if not rule["annotations"].get("summary")]
