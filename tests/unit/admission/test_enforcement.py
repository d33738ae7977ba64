from dataclasses import replace

import pytest

from service.admission.enforcement import EnforcementAction, EnforcementPoint, parse_mode
from service.admission.terms import enforcement
from service.checks.verdict import Result, Severity, Suppression, Verdict
from service.errors import SettingsError
from service.model.refs import ObjectRef

AT = EnforcementPoint.ADMISSION
FINDING = Verdict(
    check="nodeport-unguarded",
    subject=ObjectRef("", "Service", "dev", "web"),
    result=Result.FAIL,
    severity=Severity.HIGH,
    reason="no-trailing-deny",
    message="open",
)
BORNE = Suppression("borne", "why", "who", "NET-1", "2026-03-01T00:00:00Z")


def action(*modes, verdict=FINDING, point=AT):
    return enforcement(modes).action(verdict, point).value


@pytest.mark.parametrize(
    ("modes", "wanted"),
    [
        ((), "deny"),
        (("*=warn",), "warn"),
        (("*=warn", "nodeport-unguarded=deny"), "deny"),
        (("nodeport-unguarded=deny", "*:dev=dryrun"), "dryrun"),
        (("*:dev=dryrun", "nodeport-unguarded:dev=warn"), "warn"),
        (("nodeport-unguarded@audit=dryrun",), "deny"),
        (("nodeport-unguarded=warn", "nodeport-unguarded@admission=dryrun"), "dryrun"),
        (("*=warn", "*=dryrun"), "dryrun"),
        (("apiserver-lockout=warn", "*:prod=warn"), "deny"),
    ],
)
def test_the_narrowest_mode_counts_and_of_equals_the_last(modes, wanted):
    assert wanted == action(*modes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "deny",
        "=deny",
        "nodeport-unguarded",
        "Node=deny",
        "*@admission:=deny",
        "*=refuse",
        "*@x=deny",
    ],
)
def test_what_is_no_mode_is_refused(text):
    with pytest.raises(ValueError, match=r"mode|valid"):
        parse_mode(text)


def test_a_mode_of_a_check_that_there_is_not_is_a_setting_at_fault():
    with pytest.raises(SettingsError, match="there is no check nodeports"):
        enforcement(("nodeports=warn",))


@pytest.mark.parametrize(
    ("mode", "before", "after"),
    [
        ("*=deny", Result.FAIL, Result.FAIL),
        ("*=warn", Result.FAIL, Result.WARN),
        ("*=dryrun", Result.FAIL, Result.SKIP),
        ("*=dryrun", Result.WARN, Result.SKIP),
        ("*=warn", Result.PASS, Result.PASS),
    ],
)
def test_a_mode_changes_how_a_verdict_counts(mode, before, after):
    [found] = enforcement((mode,)).enforced([replace(FINDING, result=before)], AT)
    assert after is found.result


@pytest.mark.parametrize(
    ("point", "result"), [(AT, Result.WARN), (EnforcementPoint.AUDIT, Result.FAIL)]
)
def test_what_is_suppressed_warns_at_admission_and_stands_in_an_audit(point, result):
    [found] = enforcement(()).enforced([replace(FINDING, suppression=BORNE)], point)
    assert result is found.result


def test_every_action_has_its_word():
    assert ["deny", "warn", "dryrun"] == [one.value for one in EnforcementAction]
