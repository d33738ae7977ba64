"""Webhook configurations and APIServices: what the API server calls."""

from __future__ import annotations

import pytest

from service.model.callback import CalledService, Webhook
from service.model.meta import Layer
from tests.factories import decode, raw

CALLED = {"namespace": "hooks", "name": "web"}


def configuration(*webhooks, kind="ValidatingWebhookConfiguration"):
    body = raw(kind, api_version="admissionregistration.k8s.io/v1", webhooks=list(webhooks))
    return decode(body)


def webhook(client, **fields):
    return {"name": "a.example.com", "clientConfig": client, "sideEffects": "None", **fields}


def api_service(**spec):
    return decode(raw("APIService", api_version="apiregistration.k8s.io/v1", spec=spec))


@pytest.mark.parametrize("kind", ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"])
def test_a_webhook_blocks_and_is_called_by_https_unless_it_says_otherwise(kind):
    decoded = configuration(webhook({"service": CALLED}), kind=kind)
    assert (Webhook("a.example.com", CalledService("hooks", "web", 443)),) == decoded.obj.webhooks
    assert {
        "/webhooks/0/failurePolicy": '"Fail"',
        "/webhooks/0/clientConfig/service/port": "443",
    } == {one.pointer: one.value for one in decoded.defaults}


def test_a_webhook_may_be_ignored_have_a_port_or_a_url():
    decoded = configuration(
        webhook({"service": {**CALLED, "port": 8443, "path": "/x"}}, failurePolicy="Ignore"),
        webhook({"url": "https://192.0.2.7/x"}),
    )
    service = CalledService("hooks", "web", 8443)
    assert (
        Webhook("a.example.com", service, blocks=False),
        Webhook("a.example.com", url="https://192.0.2.7/x"),
    ) == decoded.obj.webhooks
    assert () == decoded.problems


def test_a_port_and_a_failure_policy_that_do_not_exist_are_problems():
    decoded = configuration(
        webhook({"service": {**CALLED, "port": 70000}}, failurePolicy="Maybe"), webhook({})
    )
    assert (CalledService("hooks", "web", 443), None) == tuple(
        one.service for one in decoded.obj.webhooks
    )
    assert [Layer.SCHEMA, Layer.SCHEMA] == [one.layer for one in decoded.problems]


def test_an_api_service_names_the_service_that_answers():
    assert CalledService("hooks", "web", 443) == api_service(group="x", service=CALLED).obj.service


def test_an_api_service_without_one_is_answered_by_the_api_server():
    assert api_service(group="apps", version="v1").obj.service is None


@pytest.mark.parametrize(
    ("name", "problems"), [("v1.", 0), ("v1.apps", 0), ("v1..", 1), ("V1.", 1)]
)
def test_the_core_group_is_empty_in_the_name_of_its_api_service(name, problems):
    decoded = decode(raw("APIService", name, api_version="apiregistration.k8s.io/v1", spec={}))
    assert problems == len(decoded.problems)


def test_certificates_and_rules_are_not_kept():
    decoded = configuration(
        webhook({"service": {**CALLED, "path": "/x"}, "caBundle": "Zm9v"}, rules=[{"x": 1}]), "odd"
    )
    assert [{"name": "a.example.com", "clientConfig": {"service": CALLED}}] == decoded.raw[
        "webhooks"
    ]
    assert {"service": CALLED} == api_service(service=CALLED, caBundle="Zm9v").raw["spec"]
