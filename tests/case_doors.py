"""The doors that a case is run through: each answers audits, reviews and traces of the case's cluster."""

from __future__ import annotations

import io
import json
import time
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from service.admission.decide import decide
from service.admission.terms import terms
from service.api import auth
from service.api.app import create_app
from service.api.context import Context
from service.api.worlds import Worlds
from service.audit.cases import CLUSTER
from service.checks.settings import cluster_profile
from service.cli.main import run
from service.cluster.watch import Watch, read_whole
from service.policy.world import World
from service.store.port import open_store
from tests.door_factories import open_door
from webhook.app import create_app as create_webhook
from webhook.judge import Judge

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
_LIMIT_BYTES = 3 * 2**20
_START_S = 20.0


@dataclass
class CommandLine:
    """The commands of ``nodeward``; ``scratch`` is a folder for what they are given as files.

    The settings of the case are those that NODEWARD_CONFIG names.
    """

    case: object
    scratch: object

    def findings(self):
        return self._said("audit", "--format", "json")["findings"]

    def review(self, review):
        file = self.scratch / "review.json"
        file.write_text(json.dumps(review))
        return self._said("review", "--review", str(file))

    def trace(self, flow):
        return self._said("trace", "--flow", json.dumps(flow))

    def _said(self, command, *options):
        stdout = io.TextIOWrapper(io.BytesIO(), write_through=True)
        with redirect_stdout(stdout):
            code = run([command, str(self.case.folder / CLUSTER), *options])
        assert code in {0, 1}, f"{command} ended with {code!r}"
        return json.loads(stdout.buffer.getvalue())


class Rest:
    """The REST API, with the case's cluster as the manifests of an audit."""

    def __init__(self, case):
        store = open_store("memory:")
        worlds = Worlds(store, profile=cluster_profile(case.settings))
        app = create_app(Context(store, worlds, case.settings, lambda: NOW))
        self._client = app.test_client()
        self._client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {auth.first_secret(store, NOW)}"
        content = (case.folder / CLUSTER).read_text("utf-8")
        body = {"manifests": [{"name": CLUSTER, "content": content}]}
        self._audit = self._said(self._client.post("/v1/audits", json=body))["id"]

    def findings(self):
        report = self._client.get(f"/v1/audits/{self._audit}/report?format=json")
        return self._said(report)["findings"]

    def review(self, review):
        return self._said(self._client.post(f"/v1/review?audit={self._audit}", json=review))

    def trace(self, flow):
        body = {"audit": self._audit, "flow": flow}
        return self._said(self._client.post("/v1/trace", json=body))

    @staticmethod
    def _said(answer):
        assert answer.status_code in {200, 201}, answer.get_data(as_text=True)
        return answer.get_json()


class Webhook:
    """The admission door over the case's cluster; it answers reviews only. Close it after use."""

    def __init__(self, case):
        paths = [str(case.folder / CLUSTER)]
        profile = cluster_profile(case.settings)
        self._watch = Watch(paths, lambda: World.of(read_whole(paths).snapshot, profile))
        judged = partial(decide, terms=terms(case.settings), now_s=int(time.time()))
        judge = Judge(self._watch, judged, case.settings.on_error)
        self._stack = ExitStack()
        folder = self._stack.enter_context(TemporaryDirectory())
        door = self._stack.enter_context(open_door(judge, Path(folder)))
        app = create_webhook(self._watch, door, body_limit_bytes=_LIMIT_BYTES)
        self._client = app.test_client()
        self._watch.start()
        end = time.monotonic() + _START_S
        while self._watch.current.world is None:
            assert time.monotonic() < end, self._watch.current.failure
            time.sleep(0.005)

    def close(self):
        self._watch.close()
        self._stack.close()

    def review(self, review):
        answer = self._client.post("/admit", json=review)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()
