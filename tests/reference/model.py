"""The reference model: objects and a flow in, a verdict out."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from tests.reference.choices import Choices, outcomes
from tests.reference.flows import Start, start
from tests.reference.packet import DroppedError, UndecidedError, Verdict
from tests.reference.releases import NEWEST
from tests.reference.routes import Routes
from tests.reference.walk import Walk
from tests.reference.world import World


class Model:
    """What Calico does with single packets in a cluster of these objects.

    The objects are as the API server returns them. `routes` tells of prefixes of Services which
    node routers send them to. `minor` is the release of Calico,
    `dataplane` what carries policies out where the objects do not tell. A flow is a dict in
    the trace format.
    """

    def __init__(
        self,
        objects: Iterable[Mapping[str, object]],
        routes: Mapping[str, str] = MappingProxyType({}),
        *,
        minor: int = NEWEST,
        dataplane: str = "auto",
    ) -> None:
        self._world = World(objects, minor, dataplane)
        self._routes = routes

    def verdict(self, flow: Mapping[str, object]) -> Verdict:
        """The fate of the flow's first packet; unknown where chance or silence decides."""
        verdicts = [*outcomes(lambda choices: self._walked(flow, choices))]
        first = verdicts[0]
        for other in verdicts:
            if other.disposition == "unknown":
                return other
            if other.disposition != first.disposition:
                return Verdict("unknown", first.stages, "it depends on what is left to chance")
        return first

    def _walked(self, flow: Mapping[str, object], choices: Choices) -> Verdict:
        walk = Walk(self._world, choices, Routes(self._routes, flow, self._world.hosts))
        try:
            beginning = start(flow, self._world, choices)
            if _stays_in_pod(beginning):
                return Verdict("allowed")
            if beginning.interface is None:
                walk.output(beginning.host, beginning.packet)
            else:
                walk.enter(beginning.host, beginning.interface, beginning.packet)
        except DroppedError:
            return Verdict("denied", tuple(walk.stages))
        except UndecidedError as reason:
            return Verdict("unknown", tuple(walk.stages), str(reason))
        return Verdict("allowed", tuple(walk.stages))


def _stays_in_pod(beginning: Start) -> bool:
    """Does a pod call an address of its own? That never leaves its network namespace."""
    if beginning.interface is None:
        return False
    pod = beginning.host.pod_behind(beginning.interface)
    return pod is not None and {beginning.packet.src, beginning.packet.dst} <= {*pod.addresses}
