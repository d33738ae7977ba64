"""The admission door over a generated cluster whose policies change all the time: one real worker.

python -m tests.soak.server BIND CERTIFICATE KEY SIZE SECONDS JOURNAL
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import asdict
from functools import partial
from itertools import count
from pathlib import Path

from service.admission.decide import decide
from service.admission.mend import mended
from service.admission.terms import Terms
from service.cluster.watch import Reading
from service.errors import SourceLocation
from service.journal.reader import sealed
from service.journal.writer import Journal, Limits
from service.model.decode import decode_object
from service.model.snapshot import Change, Operation, Snapshot
from service.policy.world import World
from service.serving import process
from tests.bench.cluster import Size, objects, policy
from webhook.app import create_app
from webhook.door import Door
from webhook.gate import Gate
from webhook.judge import Judge
from webhook.recorder import Recorder
from webhook.server import Options
from webhook.timely import Timely
from webhook.tls import Contexts
from webhook.warm import warm

THREADS = 16
_PLACE = SourceLocation("soak")
_TERMS = Terms()


def judged(world, review):
    return decide(world, review, _TERMS, now_s=int(time.time()))


class Churning:
    """A cluster of a size, one of whose policies is another every so many seconds."""

    def __init__(self, size, every_s):
        self._size, self._every_s = size, every_s
        snapshot = Snapshot.of(decode_object(one, _PLACE) for one in objects(size))
        self._world = World.of(snapshot)
        warm(self._world, judged)
        self._read_at = time.monotonic()
        self._thread = threading.Thread(target=self._churn, daemon=True)

    @property
    def current(self):
        return Reading(self._world, self._read_at, revision="soak")

    def start(self):
        self._thread.start()

    def close(self):
        """The thread ends with the process."""

    def _churn(self):
        for turn in count():
            time.sleep(self._every_s)
            body = policy(turn % (self._size.policies - 2), self._size.network_sets)
            body["spec"] = {**body["spec"], "order": 500 + turn % 97}
            after = decode_object(body, _PLACE)
            before = self._world.snapshot.find(after.ref)
            world = self._world.with_change(Change(Operation.UPDATE, before, after))
            warm(world, judged)
            self._world, self._read_at = world, time.monotonic()


def app(size, every_s, journal):
    source = Churning(Size.of(size), float(every_s))
    source.start()
    limits = Limits(segment_bytes=2**20, folder_bytes=8 * 2**20)
    door = Door(
        judge=Judge(source, judged, "deny"),
        gate=Gate(),
        timely=Timely(THREADS),
        recorder=Recorder(Journal(Path(journal), limits, disposable=sealed), "answer", "soak"),
        mend=lambda world, decision: mended(decision, world, _TERMS),
    )
    return create_app(source, door, body_limit_bytes=2**23)


if __name__ == "__main__":
    bind, certificate, key, *rest = sys.argv[1:]
    options = Options(bind=bind, certfile=certificate, keyfile=key, workers=1, threads=THREADS)
    contexts = Contexts(Path(certificate), Path(key))
    settings = {**asdict(options), "ssl_context": lambda _config, _default: contexts.current()}
    process.run(settings, partial(app, *rest))
