"""Records of decisions, as an admission door makes them."""

from __future__ import annotations

import uuid

from service.admission.decide import decide
from service.admission.record import Answer, Circumstances, record
from service.admission.review import parse_review
from service.admission.terms import Terms
from service.policy.world import World
from service.store.records import StoredDecision
from tests.factories import make_node, make_snapshot
from tests.review_factories import SERVICE, make_review

AT = "2026-11-26T04:00:00.000000Z"
NODE_PORT = SERVICE | {
    "spec": {
        "type": "NodePort",
        "clusterIP": "10.96.0.7",
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30010}],
    }
}


def make_record(*objects, at=AT, answer=Answer.DENIED, identity=None, **request):
    """The record of a decision: by default, of a node port that was refused."""
    objects = objects or (make_node("w1", internal="10.0.0.11"),)
    review = parse_review(make_review(**{"object": NODE_PORT, **request}))
    decision = decide(World(make_snapshot(*objects)), review, Terms(), now_s=0)
    known = Circumstances(
        id=identity or str(uuid.uuid4()),
        at=at,
        instance="door-1",
        answer=answer,
        age_s=0.5,
        duration_s=0.001,
    )
    return record(review, decision, known)


def make_decision(*objects, **changes):
    """As `make_record`, for a store."""
    return StoredDecision(make_record(*objects, **changes))
