"""What the API server calls, and policy denies it: webhooks and aggregated API servers."""

from __future__ import annotations

import pytest

from service.checks.apiserver_lockout import CHECK
from service.checks.contract import Transition
from service.checks.settings import CheckSettings, Unknown
from service.policy.world import World
from tests.factories import (
    decode,
    make_change,
    make_endpoint_slice,
    make_gnp,
    make_hep,
    make_ippool,
    make_knp,
    make_namespace,
    make_node,
    make_pod,
    make_service,
    make_service_account,
    make_snapshot,
    raw,
)

CALLED = {"namespace": "hooks", "name": "web"}
POD = {"namespace": "hooks", "labels": {"app": "web"}}
NODES = (make_node("cp1", internal="10.0.0.10"), make_node("w1", internal="10.0.0.11"))
HEP = make_hep(
    "cp1-eth0",
    node="cp1",
    labels={"role": "node"},
    expectedIPs=["10.0.0.10"],
    profiles=["projectcalico-default-allow"],
)
SERVICE = make_service(
    namespace="hooks",
    type="ClusterIP",
    clusterIP="10.96.0.40",
    clusterIPs=["10.96.0.40"],
    ports=[{"name": "https", "port": 443, "targetPort": 8443}],
)
WEB = make_pod("web-1", ips="10.244.1.7", node="w1", **POD)
SPARE = make_pod("web-2", ips="10.244.1.8", node="w1", namespace="hooks", labels={"app": "spare"})
SLICE = make_endpoint_slice("web", namespace="hooks", addresses=["10.244.1.7"], port=8443)
CLUSTER = (
    *NODES,
    HEP,
    make_endpoint_slice(addresses=["10.0.0.10"]),
    make_namespace("hooks"),
    make_service_account(namespace="hooks"),
    SERVICE,
    WEB,
    SPARE,
    SLICE,
)
DENY = make_knp(namespace="hooks", policyTypes=["Ingress"])
DENY_WEB = make_knp(
    namespace="hooks", podSelector={"matchLabels": {"app": "web"}}, policyTypes=["Ingress"]
)
BOTH = make_endpoint_slice(
    "web", namespace="hooks", addresses=["10.244.1.7", "10.244.1.8"], port=8443
)


def webhooks(*clients, policy="Fail"):
    listed = [
        {"name": f"{index}.example.com", "failurePolicy": policy, "clientConfig": client}
        for index, client in enumerate(clients)
    ]
    kind = "MutatingWebhookConfiguration"
    return decode(
        raw(kind, "hooks", api_version="admissionregistration.k8s.io/v1", webhooks=listed)
    )


def aggregated():
    spec = {"service": CALLED}
    body = raw("APIService", "v1.example.com", api_version="apiregistration.k8s.io/v1", spec=spec)
    return decode(body).obj


BY_SERVICE = webhooks({"service": CALLED})
REASONS = {"webhook-cut-off", "aggregated-api-cut-off", "callback-may-be-cut-off"}


def found(verdicts):
    return [one for one in verdicts if one.reason in REASONS]


def audited(*objects):
    return found(CHECK.audit(World(make_snapshot(*objects)), CheckSettings()))


def transition(objects, before, after):
    world = World(make_snapshot(*objects))
    change = make_change(before, after)
    return Transition(world, world.with_change(change), change)


def reviewed(objects, before, after, **settings):
    return found(CHECK.review(transition(objects, before, after), CheckSettings(**settings)))


def told(verdicts):
    return [(one.reason, one.result.value, one.severity.value) for one in verdicts]


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        (BY_SERVICE, ("webhook-cut-off", "fail", "critical")),
        (webhooks({"service": CALLED}, policy="Ignore"), ("webhook-cut-off", "warn", "medium")),
        (aggregated(), ("aggregated-api-cut-off", "fail", "high")),
    ],
)
def test_what_its_own_policy_denies_the_api_server_is_told_by_how_bad_that_is(caller, expected):
    assert [expected] == told(audited(*CLUSTER, caller, DENY))
    assert [expected] == told(reviewed((*CLUSTER, caller), None, DENY))


def test_the_proof_is_a_call_from_the_node_and_the_policy_that_ends_it():
    [verdict] = audited(*CLUSTER, BY_SERVICE, DENY)
    assert "TCP 10.0.0.10:40000 -> 10.96.0.40:443" == str(verdict.witness)
    assert "cp1" == verdict.witness.sender
    assert [DENY.meta.ref] == [cause.policy for cause in verdict.causes]
    assert BY_SERVICE.meta.ref == verdict.subject


def test_webhooks_at_one_place_are_told_once():
    [verdict] = audited(*CLUSTER, webhooks({"service": CALLED}, {"service": CALLED}), DENY)
    assert ["0.example.com", "1.example.com"] == verdict.details["webhooks"]


def test_a_host_endpoint_that_lets_nothing_out_cuts_off_what_has_a_url():
    caller = webhooks({"url": "https://192.0.2.7:8443/x"}, {"url": "https://hooks.example.com"})
    out = make_gnp(
        selector="role == 'node'",
        types=["Egress"],
        egress=[{"action": "Deny", "destination": {"nets": ["192.0.2.0/24"]}}],
    )
    [verdict] = audited(*CLUSTER, caller, out)
    assert "TCP 10.0.0.10:40000 -> 192.0.2.7:8443" == str(verdict.witness)
    assert "webhook-cut-off" == verdict.reason


def test_one_of_two_backends_behind_a_deny_is_a_doubt():
    cluster = (*CLUSTER[:-1], BOTH, BY_SERVICE)
    [verdict] = audited(*cluster, DENY_WEB)
    assert ("callback-may-be-cut-off", "warn") == (verdict.reason, verdict.result.value)
    assert verdict.unknown
    assert ["warn"] == [one.result.value for one in reviewed(cluster, None, DENY_WEB)]
    [refused] = reviewed(cluster, None, DENY_WEB, unknown=Unknown.DENY)
    assert "fail" == refused.result.value


def test_what_was_cut_off_before_is_not_told_of_another_change():
    other = make_knp("other", namespace="hooks", policyTypes=["Ingress"])
    assert [] == reviewed((*CLUSTER, BY_SERVICE, DENY), None, other)
    assert [] == reviewed((*CLUSTER, BY_SERVICE, DENY), DENY, None)


@pytest.mark.parametrize(
    "cluster",
    [
        (*CLUSTER, BY_SERVICE),
        (*CLUSTER, DENY),
        (*(one for one in CLUSTER if one is not SERVICE), BY_SERVICE, DENY),
        (*CLUSTER, webhooks({"service": {**CALLED, "port": 9}}), DENY),
        (*NODES, SERVICE, BY_SERVICE),
        (*(one for one in CLUSTER if one is not SLICE), BY_SERVICE, DENY),
    ],
    ids=["no policy", "no webhook", "no service", "another port", "no slices", "no backends"],
)
def test_nothing_is_said_where_nothing_is_denied_or_known(cluster):
    assert [] == audited(*cluster)


@pytest.mark.parametrize("changed", [SERVICE, BY_SERVICE])
def test_what_is_called_is_judged_anew_where_it_changes(changed):
    objects = (*CLUSTER, BY_SERVICE, DENY)
    kept = tuple(one for one in objects if one is not changed)
    assert CHECK.reaudit(transition(kept, None, changed), CheckSettings(), {}) is None


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (make_service("other", namespace="hooks"), {}),
        (make_service("web", namespace="other"), {}),
        (make_service("kubernetes", type="ClusterIP", ports=[{"port": 443}]), None),
        (make_ippool(), None),
        (DENY_WEB, None),
    ],
)
def test_what_is_neither_called_nor_leads_there_is_not_judged_anew(changed, expected):
    step = transition((*CLUSTER, BY_SERVICE, DENY), None, changed)
    assert expected == CHECK.reaudit(step, CheckSettings(), {})


def test_an_aggregated_api_s_service_is_called_too():
    step = transition((*CLUSTER[:-4], aggregated(), DENY), None, SERVICE)
    assert CHECK.reaudit(step, CheckSettings(), {}) is None


def test_of_a_service_of_both_families_the_first_address_is_dialled():
    both = make_service(
        namespace="hooks",
        type="ClusterIP",
        clusterIP="10.96.0.40",
        clusterIPs=["10.96.0.40", "fd00:96::40"],
        ports=[{"name": "https", "port": 443, "targetPort": 8443}],
    )
    cluster = [both if one is SERVICE else one for one in CLUSTER]
    found = audited(*cluster, BY_SERVICE, DENY)
    assert ["TCP 10.0.0.10:40000 -> 10.96.0.40:443"] == [str(one.witness) for one in found]


def unanswered(*objects):
    found = CHECK.audit(World(make_snapshot(*objects)), CheckSettings())
    return [one.unknown for one in found if one.reason == "callback-unknown"]


def called(**spec):
    return make_service(namespace="hooks", **{"type": "ClusterIP", **spec})


HTTPS = {"name": "https", "port": 443}
ELSEWHERE = make_endpoint_slice("other", namespace="hooks", addresses=["10.244.1.9"])


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ((*CLUSTER[:5], WEB), "there is no such Service"),
        (
            (*CLUSTER[:5], WEB, called(ports=[{**HTTPS, "port": 80}])),
            "the Service has no such port",
        ),
        ((*CLUSTER[:5], WEB, called(ports=[HTTPS])), "the Service has no cluster IP"),
        (CLUSTER[:-1], "the Service has no backend"),
        (
            (*CLUSTER[:7], ELSEWHERE),
            "the backends of clusterIP of Service hooks/web are not known",
        ),
    ],
)
@pytest.mark.parametrize("caller", [BY_SERVICE, aggregated()])
def test_what_nothing_is_known_to_answer_is_told_as_unknown(cluster, expected, caller):
    assert [(expected,)] == unanswered(*cluster, caller)


@pytest.mark.parametrize(
    "cluster",
    [
        CLUSTER,
        CLUSTER[:7],
        CLUSTER[:5],
        (*CLUSTER[:2], *CLUSTER[3:5], WEB),
        (*CLUSTER[:2], *CLUSTER[4:5], HEP, WEB),
        (*CLUSTER[:5], WEB, called(type="ExternalName", externalName="web.example.com", ports=[])),
    ],
    ids=["answered", "no pods", "no Service", "no policy", "no API server", "a name"],
)
def test_nothing_is_unknown_where_answers_are_not_told_or_nothing_polices_them(cluster):
    assert [] == unanswered(*cluster, BY_SERVICE)
