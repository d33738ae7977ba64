"""The door that is fuzzed, and what none of its answers may be."""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from service import telemetry
from service.admission.decide import decide
from service.admission.terms import Terms
from service.audit.cases import load_case
from service.policy.world import World
from tests.door_factories import open_door
from tests.fuzz.mutations import mutated
from tests.house.source import ROOT
from tests.watch_factories import make_watch
from webhook.app import create_app
from webhook.judge import Judge

LIMIT_S = 5.0
"""Generous for the small worlds here, and on a machine that does something else: an answer in 5 s or none."""

PLAIN = "application/json"
BY_FLASK = "application/json; charset=utf-8"
"""Nothing but the plain type is answered past Flask."""
_TWICE = 0.1
"""Of how many reviews the other way is asked, too."""
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_STATUSES = frozenset({200, 400, 413, 415, 429})
_CODES = frozenset({403, 503, 504})
_WORLDS = 12
_BODY_LIMIT = 2**20


class FuzzError(Exception):
    """An answer that no review may get; the text holds the review."""


class Door:
    """Doors over the clusters of some cases, and reviews grown from those of all cases."""

    def __init__(self, seed, cases=None):
        self._rng = random.Random(seed)
        found = sorted(cases or (ROOT / "tests/cases").glob("*/request*.yaml"))
        chosen = self._rng.sample(sorted({path.parent for path in found}), k=60)
        loaded = [load_case(folder) for folder in chosen]
        self._corpus = [{**review} for case in loaded for review in case.reviews.values()]
        demo = sorted((ROOT / "deploy/demo/reviews").glob("*.json"))
        self._corpus += [json.loads(path.read_text("utf-8")) for path in demo]
        self._stack = ExitStack()
        self._clients = [self._opened(case) for case in loaded[:_WORLDS]]
        self.counts = Counter()
        self.slowest_s = 0.0

    def _opened(self, case):
        folder = Path(self._stack.enter_context(TemporaryDirectory()))
        watch = make_watch(World.of(case.loaded.snapshot))
        judge = Judge(watch, partial(decide, terms=Terms(), now_s=int(time.time())), "deny")
        door = self._stack.enter_context(open_door(judge, folder))
        return create_app(watch, door, body_limit_bytes=_BODY_LIMIT).test_client()

    def close(self):
        self._stack.close()

    def answer(self):
        """Have one review answered. Raises: FuzzError."""
        body = mutated(self._rng, self._corpus)
        client = self._rng.choice(self._clients)
        faults = _faults()
        started = time.monotonic()
        answer = _asked(client, body, PLAIN)
        took_s = time.monotonic() - started
        self.slowest_s = max(self.slowest_s, took_s)
        fault = _fault(answer, took_s) or ("the engine failed" if _faults() > faults else "")
        if (
            not fault
            and self._rng.random() < _TWICE
            and _told(answer) != _told(other := _asked(client, body, BY_FLASK))
        ):
            fault = f"Flask's way gives another answer, {other.data!r}"
        if fault:
            raise FuzzError(f"{fault}: {body!r} was answered {answer.status_code} {answer.data!r}")
        self.counts[self._kind(answer)] += 1

    @staticmethod
    def _kind(answer):
        if answer.status_code != 200:
            return str(answer.status_code)
        return "allowed" if answer.json["response"]["allowed"] else "denied"


def _asked(client, body, content_type):
    return client.post(f"/admit?timeout={LIMIT_S:g}s", data=body, content_type=content_type)


def _told(answer):
    """What an answer tells, but for the ids that each has of its own."""
    return answer.status_code, answer.mimetype, _ID.sub("", answer.get_data(as_text=True))


def _fault(answer, took_s):
    """What is wrong with an answer; "" if nothing is."""
    if answer.status_code not in _STATUSES:
        return f"status {answer.status_code}"
    if took_s > LIMIT_S:
        return f"an answer after {took_s:.1f} s"
    if b"Traceback" in answer.data or b'File \\"' in answer.data:
        return "a stack trace"
    document = answer.get_json(silent=True)
    if not isinstance(document, dict):
        return "no JSON"
    if answer.status_code != 200:
        return "" if {"type", "title", "status", "detail"} <= document.keys() else "no problem"
    response = document["response"]
    if not response["allowed"] and response["status"]["code"] not in _CODES:
        return f"a denial with code {response['status']['code']}"
    return ""


def _faults():
    return telemetry.REGISTRY.get_sample_value("nodeward_engine_errors_total")
