import threading
import time
from contextlib import ExitStack
from functools import partial

import pytest

from service import telemetry
from service.admission.decide import decide
from service.admission.override import ANNOTATION
from service.admission.review import parse_review
from service.admission.terms import Terms
from service.cluster.kube import RequestError
from service.journal.reader import Reader
from service.policy.world import World
from tests.decision_factories import NODE_PORT
from tests.door_factories import open_door
from tests.factories import make_node, make_snapshot
from tests.review_factories import make_review
from tests.watch_factories import make_watch
from webhook.judge import Judge

TERMS = Terms()
API_SERVER = "system:serviceaccount:calico-system:calico-apiserver"


class Holders:
    """The callers that hold the right to bypass, and every question that was asked."""

    def __init__(self, *users, failure=""):
        self.users, self.failure, self.asked = users, failure, []

    def may_bypass(self, review, check, *, timeout_s):
        assert timeout_s > 0
        self.asked.append((review.user, check))
        if self.failure:
            raise RequestError(self.failure)
        return review.user in self.users


@pytest.fixture
def opened(tmp_path):
    """A function that opens a door; all are closed at the end."""
    with ExitStack() as stack:

        def open_one(rights=None, judge=None):
            watch = make_watch(World(make_snapshot(make_node("w1", internal="10.0.0.11"))))
            judged = judge or partial(decide, terms=TERMS, now_s=0)
            door = open_door(Judge(watch, judged, "deny"), tmp_path / "journal", rights=rights)
            return stack.enter_context(door)

        yield open_one


def node_port(**annotations):
    metadata = {**NODE_PORT["metadata"], "annotations": annotations}
    return NODE_PORT | {"metadata": metadata}


def answer(door, *, limit_s=30.0, **request):
    review = parse_review(make_review(**{"object": node_port(), **request}))
    return door.answer(review, arrived=time.monotonic(), limit_s=limit_s).decision


PLEADED = {"object": node_port(**{ANNOTATION: "incident 7"})}

HARMLESS = NODE_PORT | {"spec": {"type": "ClusterIP", "ports": [{"port": 80}]}}


def test_a_refusal_is_answered_and_recorded(opened, tmp_path):
    found = answer(opened())
    assert (False, 403) == (found.allowed, found.code)
    assert ["denied"] == [one["answer"] for one in Reader(tmp_path / "journal").records()]


def test_break_glass_passes_for_whoever_may_with_a_warning_and_a_record(opened, tmp_path):
    rights = Holders("jane")
    before = telemetry.REGISTRY.get_sample_value("nodeward_admission_overrides_total")
    found = answer(opened(rights), **PLEADED)
    [record] = Reader(tmp_path / "journal").records()
    assert (True, [("jane", "nodeport-unguarded")]) == (found.allowed, rights.asked)
    assert found.warnings[0].startswith("break-glass: nodeport-unguarded overridden: incident 7")
    assert ("overridden", {"way": "break-glass", "reason": "incident 7"}) == (
        record["answer"],
        {name: record["override"][name] for name in ("way", "reason")},
    )
    after = telemetry.REGISTRY.get_sample_value("nodeward_admission_overrides_total")
    assert before + 1 == after


def test_break_glass_does_not_pass_for_whoever_may_not(opened):
    found = answer(opened(Holders("joe")), **PLEADED)
    assert (False, True) == (
        found.allowed,
        "break-glass does not count: jane may not bypass nodeport-unguarded" in found.message,
    )


def test_break_glass_does_not_pass_while_nobody_can_be_asked(opened):
    found = answer(opened(Holders("jane", failure="no answer")), **PLEADED)
    assert (False, True) == (found.allowed, "could not be asked" in found.message)
    found = answer(opened(), **PLEADED)
    assert (False, True) == (found.allowed, "no API server to ask" in found.message)


def test_a_request_that_is_admitted_asks_for_no_right(opened):
    rights = Holders()
    harmless = PLEADED["object"] | {"spec": HARMLESS["spec"]}
    assert answer(opened(rights), object=harmless).allowed
    assert [] == rights.asked


def test_what_travels_with_calicos_api_server_is_not_asked_for_again(opened):
    rights = Holders()
    gvk = {"group": "crd.projectcalico.org", "version": "v1", "kind": "GlobalNetworkPolicy"}
    bad = {
        "apiVersion": "crd.projectcalico.org/v1",
        "kind": "GlobalNetworkPolicy",
        "metadata": {
            "name": "default.open",
            "annotations": {
                "projectcalico.org/metadata": f'{{"name":"open","annotations":{{"{ANNOTATION}":"x"}}}}'
            },
        },
        "spec": {"selector": "all()", "ingress": [{"action": "Deny"}], "types": ["Ingress"]},
    }
    door = opened(rights)
    found = answer(door, kind=gvk, object=bad, userInfo={"username": API_SERVER})
    assert [] == rights.asked
    assert found.allowed


def test_an_answer_leaves_before_the_deadline_whatever_the_judging_does(opened):
    end = threading.Event()

    def slow(_world, _review):
        end.wait(30)

    started = time.monotonic()
    found = answer(opened(judge=slow), limit_s=3.0)
    took_s = time.monotonic() - started
    end.set()
    assert (False, 504) == (found.allowed, found.code)
    assert took_s < 3.0


def test_only_services_are_judged_by_the_thread_that_read_them_and_only_if_quick(opened):
    threads = []

    def told(world, review):
        threads.append(threading.current_thread().name)
        return decide(world, review, terms=TERMS, now_s=0)

    door, own = opened(judge=told), threading.current_thread().name
    for _ in range(40):
        answer(door, object=HARMLESS)
    assert own == threads[-1]
    gvk = {"group": "projectcalico.org", "version": "v3", "kind": "GlobalNetworkSet"}
    nets = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "GlobalNetworkSet",
        "metadata": {"name": "n"},
    }
    for _ in range(40):
        answer(door, kind=gvk, object=nets | {"spec": {"nets": ["192.0.2.0/24"]}})
    assert {True} == {name.startswith("judge") for name in threads[40:]}
