"""Doors that are killed while they answer: what they have answered is in the journal, once."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import threading
import time

import pytest

from service.journal.reader import Reader
from tests.decision_factories import NODE_PORT
from tests.review_factories import make_review
from tests.webhook_door import WebhookDoor

KILLS = int(os.environ.get("NODEWARD_DOOR_KILLS", "4"))
NODE = """\
apiVersion: v1
kind: Node
metadata: {name: node1}
status: {addresses: [{type: InternalIP, address: 192.168.0.10}]}
"""


def denied(door, answered):
    """Ask for what is refused until the door is gone; keep the ids that came back."""
    with contextlib.closing(door.connect()) as connection:
        body = json.dumps(make_review(object=NODE_PORT))
        while True:
            try:
                connection.request(
                    "POST", "/admit?timeout=10s", body, {"Content-Type": "application/json"}
                )
                response = json.loads(connection.getresponse().read())["response"]
            except (OSError, http.client.HTTPException, ValueError):
                return
            assert not response["allowed"]
            answered.append(response["auditAnnotations"]["decision-id"])


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_answered_denial_is_lost_and_none_is_there_twice(tmp_path):
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    (manifests / "node.yaml").write_text(NODE)
    answered = []
    for kill in range(KILLS):
        door = WebhookDoor(manifests, tmp_path / "door")
        with door:
            threads = [threading.Thread(target=denied, args=(door, answered)) for _ in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(0.2 + 0.037 * (kill % 20))
            for child in door.workers():
                os.kill(child, signal.SIGKILL)
            door.stop(signal.SIGKILL)
            for thread in threads:
                thread.join(30)
    reader = Reader(tmp_path / "door" / "journal")
    kept = [record["id"] for record in reader.records() if record["answer"] == "denied"]
    assert [] == reader.damaged
    assert len(kept) == len(set(kept))
    assert set() == set(answered) - set(kept)
    assert len(answered) > KILLS
