from __future__ import annotations

import queue
import time

import pytest

from service.cluster import reflector as module
from service.cluster.events import Changed, Deleted, Failed, Progressed, Replaced, Resumed
from service.cluster.reflector import Reflector
from tests.fake_apiserver import STREAMS, WATCHES, Answer, bookmark, page, status, watch
from tests.live_factories import TIERS, make_raw

PATH = TIERS.path
STEP_S = 10.0
HANGS = watch()


def tier(name, version, order=1):
    return make_raw(TIERS, name, version, order=order)


class Told:
    """The events of a reflector, in order."""

    def __init__(self):
        self.events = queue.SimpleQueue()

    def next(self, *kinds):
        """The next event of one of *kinds*."""
        end = time.monotonic() + STEP_S
        while True:
            event = self.events.get(timeout=max(0.01, end - time.monotonic()))
            if isinstance(event, kinds):
                return event


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def reflector(client, told, impatient):
    made = Reflector(client, TIERS, told.events.put)
    yield made
    made.close()
    if made._thread.ident:
        made.join()
    assert not made._thread.is_alive()


def names(event):
    return [item.key[1] for item in event.items]


def test_a_list_is_read_page_by_page(server, reflector, told):
    server.script(PATH, page(tier("a", 3), more="x"), page(tier("b", 4), version="10"))
    server.script(PATH, HANGS, kind=WATCHES)
    reflector.start()
    event = told.next(Replaced)
    assert (["a", "b"], 10) == (names(event), event.version)
    assert [{"limit": "500"}, {"limit": "500", "continue": "x"}] == server.asked(PATH)


def test_the_watch_goes_on_from_the_list(server, reflector, told):
    server.script(PATH, page(version="10"))
    server.script(PATH, HANGS, kind=WATCHES)
    reflector.start()
    told.next(Replaced)
    told.next(Resumed)
    (asked,) = server.asked(PATH, WATCHES)
    assert ("10", "true") == (asked["resourceVersion"], asked["allowWatchBookmarks"])
    assert 240 <= int(asked["timeoutSeconds"]) <= 480


def test_events_are_passed_on(server, reflector, told):
    server.script(PATH, page())
    events = [("ADDED", tier("a", 11)), ("MODIFIED", tier("a", 12, 2)), ("DELETED", tier("a", 13))]
    server.script(PATH, watch(*events, bookmark("20")), kind=WATCHES)
    reflector.start()
    passed = [told.next(Changed, Deleted, Progressed) for _ in range(4)]
    assert [Changed, Changed, Deleted, Progressed] == [type(one) for one in passed]
    assert [11, 12, 13, 20] == [one.version for one in passed]
    assert ("", "a") == passed[2].key


def test_a_watch_that_is_cut_is_resumed_where_it_was(server, reflector, told):
    server.script(PATH, page())
    cut = watch(("ADDED", tier("a", 11)), then="cut")
    server.script(PATH, cut, watch(("ADDED", tier("b", 12))), kind=WATCHES)
    reflector.start()
    told.next(Failed)
    assert "b" == told.next(Changed).item.key[1]
    assert ["10", "11"] == [one["resourceVersion"] for one in server.asked(PATH, WATCHES)]
    assert 1 == len(server.asked(PATH))


def test_a_watch_that_the_server_ends_is_resumed_without_a_failure(
    server, reflector, told, monkeypatch
):
    monkeypatch.setattr(module, "_SHORT_S", 0.0)
    server.script(PATH, page())
    server.script(PATH, watch(then="end"), watch(("ADDED", tier("b", 12))), kind=WATCHES)
    reflector.start()
    assert isinstance(told.next(Failed, Changed), Changed)


def test_a_server_that_ends_every_watch_at_once_is_not_hammered(server, reflector, told):
    server.script(PATH, page())
    server.script(PATH, watch(then="end"), kind=WATCHES)
    reflector.start()
    assert "as soon as it has begun" in told.next(Failed).reason


@pytest.mark.parametrize(
    "gone", [status(410, "too old"), watch(("ERROR", {"code": 410, "message": "too old"}))]
)
def test_where_the_server_forgot_the_version_a_new_list_replaces_all(server, reflector, told, gone):
    server.script(PATH, page(tier("a", 3)), page(tier("b", 30), version="40"))
    server.script(PATH, gone, HANGS, kind=WATCHES)
    reflector.start()
    assert ["a"] == names(told.next(Replaced))
    event = told.next(Replaced, Failed)
    assert (["b"], 40) == (names(event), event.version)


def test_a_list_that_goes_out_of_date_between_pages_is_begun_anew(server, reflector, told):
    server.script(PATH, page(tier("a", 3), more="x"), status(410), page(tier("b", 4)))
    server.script(PATH, HANGS, kind=WATCHES)
    reflector.start()
    assert ["b"] == names(told.next(Replaced))


def test_a_refusal_is_told_and_tried_again(server, reflector, told):
    server.script(PATH, status(403, "tiers is forbidden"), page(tier("a", 3)))
    server.script(PATH, HANGS, kind=WATCHES)
    reflector.start()
    assert "tiers is forbidden" in told.next(Failed).reason
    assert ["a"] == names(told.next(Replaced))


def test_what_is_no_event_ends_the_watch_and_it_goes_on(server, reflector, told):
    server.script(PATH, page())
    nonsense = Answer(lines=(b"nonsense\n",), then="hang")
    server.script(PATH, nonsense, watch(("ADDED", tier("a", 11))), kind=WATCHES)
    reflector.start()
    assert "no event" in told.next(Failed).reason
    assert "a" == told.next(Changed).item.key[1]


def test_a_defect_of_ours_does_not_end_the_thread(server, reflector, told, monkeypatch):
    server.script(PATH, page())
    server.script(PATH, watch(("ADDED", tier("a", 11))), kind=WATCHES)
    with monkeypatch.context() as broken:
        broken.setattr(module, "read_item", None)
        reflector.start()
        assert "a defect of Nodeward: TypeError" == told.next(Failed).reason
    assert "a" == told.next(Changed).item.key[1]


def test_a_version_that_the_server_refuses_again_and_again_is_given_up(server, reflector, told):
    server.script(PATH, page(), page(version="5"))
    refusals = [status(504, "Too large resource version")] * 3
    server.script(PATH, *refusals, HANGS, kind=WATCHES)
    reflector.start()
    assert [10, 5] == [told.next(Replaced).version for _ in range(2)]


def test_a_new_list_can_be_asked_for(server, reflector, told):
    server.script(PATH, page(), page(version="30"))
    server.script(PATH, HANGS, kind=WATCHES)
    reflector.start()
    told.next(Replaced)
    told.next(Resumed)
    reflector.relist()
    assert 30 == told.next(Replaced).version


def test_a_streamed_list_is_taken_where_it_is_offered(server, reflector, told):
    events = [("ADDED", tier("a", 3)), ("ADDED", tier("b", 4)), ("DELETED", tier("a", 9))]
    stream = watch(*events, ("MODIFIED", tier("b", 11, 7)), bookmark("12", ends_list=True))
    server.script(PATH, stream, kind=STREAMS)
    server.script(PATH, HANGS, kind=WATCHES)
    reflector.start()
    event = told.next(Replaced)
    assert (["b"], 11, 12) == (names(event), event.items[0].version, event.version)
    assert [] == server.asked(PATH)


@pytest.mark.parametrize(
    "refusal",
    [
        status(400),
        status(422),
        watch(("ERROR", {"code": 403, "message": "RequestWatchProgress is disabled"})),
        watch(("ADDED", tier("a", 3)), then="end"),
        watch(("ADDED", tier("a", 3)), then="hang"),
    ],
)
def test_a_server_without_streamed_lists_is_asked_for_pages(
    server, reflector, told, refusal, monkeypatch
):
    monkeypatch.setattr(module, "_LIST_SILENCE_S", 0.2)
    server.script(PATH, refusal, kind=STREAMS)
    server.script(PATH, page(tier("a", 3)))
    server.script(PATH, HANGS, kind=WATCHES)
    reflector.start()
    assert ["a"] == names(told.next(Replaced))
    assert 1 == len(server.asked(PATH, STREAMS))


def test_a_silent_watch_is_given_up(server, reflector, told, monkeypatch):
    monkeypatch.setattr(module, "SILENCE_S", 0.2)
    server.script(PATH, page())
    server.script(PATH, HANGS, watch(("ADDED", tier("a", 11))), kind=WATCHES)
    reflector.start()
    assert "a" == told.next(Changed).item.key[1]


def test_the_pause_grows_with_every_failure_up_to_a_limit(reflector, monkeypatch):
    monkeypatch.setattr(module, "BACKOFF_S", (0.25, 30.0))
    ceilings = []
    for failures in (1, 3, 50):
        reflector._failures = failures
        pauses = [reflector._pause_s() for _ in range(200)]
        assert max(pauses) > min(pauses)
        ceilings.append(max(pauses))
    assert [True, True, True] == [
        0.25 <= ceilings[0] <= 0.5,
        1 <= ceilings[1] <= 2,
        ceilings[2] <= 30,
    ]
