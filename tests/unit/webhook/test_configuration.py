"""The ValidatingWebhookConfiguration in deploy/ fits what the door can answer."""

from pathlib import Path

import pytest
import yaml

from certs.folder import DEFAULT_HOSTS
from service.checks.run import checks
from service.model.kind import kinds

PATH = Path(__file__).parents[3] / "deploy" / "base" / "validatingwebhook.yaml"


@pytest.fixture(scope="module")
def webhook() -> dict:
    (found,) = yaml.safe_load(PATH.read_text())["webhooks"]
    return found


SENT = {
    "AdminNetworkPolicy",
    "BaselineAdminNetworkPolicy",
    "ClusterNetworkPolicy",
    "FelixConfiguration",
    "GlobalNetworkPolicy",
    "GlobalNetworkSet",
    "HostEndpoint",
    "KubeControllersConfiguration",
    "NetworkPolicy",
    "NetworkSet",
    "Service",
    "Tier",
}


def test_what_is_judged_is_sent():
    judged = frozenset().union(*(check.kinds for check in checks()))
    assert judged <= SENT


def test_each_kind_is_sent_in_every_version_that_is_read(webhook):
    wanted = {
        (gvk.group, gvk.version, kind.plural)
        for kind in kinds()
        for gvk in kind.gvks
        if gvk.kind in SENT
    }
    sent = {
        (group, version, resource)
        for rule in webhook["rules"]
        for group in rule["apiGroups"]
        for version in rule["apiVersions"]
        for resource in rule["resources"]
    }
    assert sent == wanted


def test_every_write_of_them_is_sent(webhook):
    assert {tuple(rule["operations"]) for rule in webhook["rules"]} == {
        ("CREATE", "UPDATE", "DELETE")
    }


def test_the_service_has_a_name_in_the_certificate(webhook):
    service = webhook["clientConfig"]["service"]
    assert f"{service['name']}.{service['namespace']}.svc" in DEFAULT_HOSTS


def test_an_author_cannot_exempt_an_object_by_a_label(webhook):
    assert "objectSelector" not in webhook
