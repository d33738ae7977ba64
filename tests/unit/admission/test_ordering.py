from __future__ import annotations

import pytest

from service.admission.ordering import order_advice
from service.checks.verdict import Result, Severity, Verdict
from service.model.refs import ObjectRef
from tests.factories import make_change, raw

SERVICE = raw(
    "Service", "web", api_version="v1", namespace="default", spec={"ports": [{"port": 80}]}
)
POLICY = raw("GlobalNetworkPolicy", "p", spec={"order": 1})


def verdict(reason, check="nodeport-unguarded"):
    subject = ObjectRef("", "Service", "default", "web")
    return Verdict(check, subject, Result.FAIL, Severity.HIGH, reason, "message")


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("node-without-host-endpoint", "HostEndpoint"),
        ("no-policy", "GlobalNetworkPolicy"),
        ("selects-nothing", "GlobalNetworkPolicy"),
        ("port-open", "GlobalNetworkPolicy"),
    ],
)
def test_what_could_come_with_a_service_must_come_first(reason, kind):
    advice = order_advice(verdict(reason), make_change(None, SERVICE))
    assert advice.startswith(f"If the {kind} comes with the Service, it must be applied first")
    assert all(word in advice for word in ("kubectl", "Helm hook", "sync-wave"))


@pytest.mark.parametrize(
    ("found", "change"),
    [
        (verdict("failsafe"), make_change(None, SERVICE)),
        (verdict("selects-nothing", "another"), make_change(None, SERVICE)),
        (verdict("selects-nothing"), make_change(POLICY, None)),
        (verdict("selects-nothing"), make_change(SERVICE, None)),
    ],
)
def test_where_order_is_no_remedy_nothing_is_said_of_it(found, change):
    assert "" == order_advice(found, change)
