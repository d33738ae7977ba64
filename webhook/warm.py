"""What a new world is asked before it judges: no review then waits for what all reviews share.

Most of what an answer needs is worked out once for a world, when it is first asked for. In a large
cluster that takes seconds, of which the API server has few to give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from service.admission.review import Operation, ReviewRequest
from service.model.refs import CALICO_V3, GVK
from service.telemetry import count_engine_error, logger

if TYPE_CHECKING:
    from service.policy.world import World
    from webhook.judge import Decide

_LOG = logger(__name__)
_SERVICE: Final = ReviewRequest(
    uid="warm",
    operation=Operation.CREATE,
    kind=GVK("", "v1", "Service"),
    object={
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "nodeward-warm", "namespace": "default"},
        "spec": {
            "type": "NodePort",
            "ports": [{"protocol": "TCP", "port": 80, "nodePort": 30000}],
        },
    },
)
_POLICY: Final = ReviewRequest(
    uid="warm",
    operation=Operation.CREATE,
    kind=GVK(CALICO_V3, "v3", "GlobalNetworkPolicy"),
    object={
        "apiVersion": f"{CALICO_V3}/v3",
        "kind": "GlobalNetworkPolicy",
        "metadata": {"name": "nodeward-warm"},
        "spec": {
            "selector": "nodeward.io/warm == 'nothing is labelled so'",
            "types": ["Ingress", "Egress"],
            "ingress": [{"action": "Allow"}],
            "egress": [{"action": "Allow"}],
        },
    },
)


def warm(world: World, decide: Decide) -> None:
    """Ask for a Service and for a policy, and forget the answers. Never raises.

    A world in which that fails is served all the same: each of its reviews then takes the branch of
    ``on_error``, where the world before it could allow what this one forbids.
    """
    for review in (_SERVICE, _POLICY):
        try:
            decide(world, review)
        except Exception:  # noqa: BLE001  # the root of a thread: see above
            count_engine_error()
            _LOG.exception("warming_failed", digest=world.snapshot.digest)
