"""Reviews in a live cluster, whose server is one of our own."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from service import telemetry
from service.admission.decide import Decision
from service.admission.review import Operation, ReviewRequest
from service.cluster.kube import Client
from service.cluster.live import Certainty, LiveCluster
from service.model.refs import GVK
from service.telemetry import ReviewResult
from tests.factories import raw
from tests.fake_apiserver import FakeServer
from tests.live_factories import TIERS, listed, make_item
from webhook.certain import Certain
from webhook.judge import Judge

SERVICE = raw(
    "Service",
    "web",
    api_version="v1",
    namespace="default",
    spec={"type": "NodePort", "ports": [{"port": 80, "nodePort": 30000}]},
)
OPENING = ReviewRequest(
    uid="u1", operation=Operation.CREATE, kind=GVK("", "v1", "Service"), object=SERVICE
)
HARMLESS = replace(OPENING, operation=Operation.DELETE, object=None, old_object=SERVICE)
ALLOWED = Decision("u1", allowed=True)
DENIED = Decision("u1", allowed=False, code=403, message="no")


class Script:
    """A cluster that is as sure as its script says, and was known at *known_at*."""

    def __init__(self, live, certainties=(), *, age_s=0.0):
        self.certainties = list(certainties)
        self.live = live
        self.asked = []
        self.age_s = age_s

    @property
    def view(self):
        return self.live.view

    @property
    def current(self):
        return replace(self.live.current, read_at=time.monotonic() - self.age_s)

    def confirm(self, _world, kinds, *, deadline):
        self.asked.append((frozenset(kinds), deadline - time.monotonic()))
        certainty = self.certainties.pop(0) if self.certainties else Certainty.LATE
        if certainty is Certainty.CONFIRMED and self.age_s:
            self.age_s = 0.0
        return certainty


@pytest.fixture
def live(tmp_path, monkeypatch):
    """A cluster with a world of one tier, at revision 10; nothing is asked of its server."""
    with FakeServer() as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        cluster = LiveCluster(Client("fake"), lambda _world: None)
        cluster._state.start([TIERS])
        cluster._state.tell(listed(TIERS, 10, make_item(TIERS, "a", 5)))
        assert cluster.wait_for(lambda view: view.world is not None, time.monotonic() + 10)
        cluster._failure = ""
        yield cluster
        cluster.close()


def judge(script, decisions, *, on_stale="deny", review=OPENING, deadline_s=10.0):
    """The judgement of a review on which the engine decides *decisions* in turn."""
    left = list(decisions)
    certain = Certain(script, 90, on_stale)
    door = Judge(script, lambda _world, _review: left.pop(0), "deny", certain)
    return door.judge(review, deadline=time.monotonic() + deadline_s)


def stale_count(answer):
    return telemetry.REGISTRY.get_sample_value("nodeward_stale_reviews_total", {"answer": answer})


def test_a_permission_asks_nothing_more(live):
    script = Script(live)
    assert ReviewResult.ALLOWED is judge(script, [ALLOWED]).result
    assert [] == script.asked


def test_a_denial_is_confirmed(live):
    script = Script(live, [Certainty.CONFIRMED])
    assert "no" == judge(script, [DENIED]).decision.message
    ((kinds, left_s),) = script.asked
    assert {"HostEndpoint", "GlobalNetworkPolicy", "Tier", "Node", "Service"} <= kinds
    assert 6 < left_s <= 7


def test_after_a_change_a_denial_is_judged_again(live):
    script = Script(live, [Certainty.CHANGED, Certainty.CHANGED])
    assert ReviewResult.ALLOWED is judge(script, [DENIED, DENIED, ALLOWED]).result


def test_a_denial_that_cannot_be_confirmed_in_time_stands(live):
    script = Script(live, [Certainty.LATE])
    assert ReviewResult.DENIED is judge(script, [DENIED]).result


def test_every_decision_has_the_revision_and_the_age_of_what_it_was_made_by(live):
    decision = judge(Script(live, age_s=1.0), [ALLOWED]).decision
    annotations = decision.audit_annotations
    assert ("10", "10", "1.0") == (
        decision.revision,
        annotations["revision"],
        annotations["age"][:3],
    )


def test_what_is_known_too_long_is_asked_for_first(live):
    script = Script(live, [Certainty.CHANGED, Certainty.CONFIRMED], age_s=100)
    assert ReviewResult.ALLOWED is judge(script, [ALLOWED]).result
    assert 2 == len(script.asked)


def test_while_the_cluster_is_not_known_what_opens_a_port_is_refused(live):
    before = stale_count("denied") or 0
    decision = judge(Script(live, age_s=100), [ALLOWED]).decision
    assert (False, 503) == (decision.allowed, decision.code)
    assert (
        "last knew all of the cluster 100 s ago: a change that opens node ports" in decision.message
    )
    assert before + 1 == stale_count("denied")


def test_while_the_cluster_is_not_known_the_rest_is_allowed_with_a_warning(live):
    before = stale_count("warned") or 0
    judgement = judge(Script(live, age_s=100), [ALLOWED], review=HARMLESS)
    (warning,) = judgement.decision.warnings
    assert (ReviewResult.WARNED, True) == (judgement.result, "100 s ago" in warning)
    assert before + 1 == stale_count("warned")


def test_the_owner_may_allow_everything_meanwhile(live):
    judgement = judge(Script(live, age_s=100), [ALLOWED], on_stale="allow")
    assert ReviewResult.WARNED is judgement.result


def test_a_denial_stands_while_the_cluster_is_not_known(live):
    judgement = judge(Script(live, age_s=100), [DENIED], on_stale="allow")
    assert (403, "no") == (judgement.decision.code, judgement.decision.message)


def test_without_a_time_limit_that_of_the_api_server_counts(live):
    script = Script(live, [Certainty.CONFIRMED])
    certain = Certain(script, 90, "deny")
    certain.decided(lambda _world, _review: DENIED, OPENING, deadline=None)
    assert 6 < script.asked[0][1] <= 7


def test_a_defect_while_judging_takes_the_configured_branch(live):
    judgement = judge(Script(live), [])
    assert (ReviewResult.ERROR, 500) == (judgement.result, judgement.decision.code)
