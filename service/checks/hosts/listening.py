"""What pods open on their nodes: host ports, and ports of pods on the host's network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from service.checks.hosts.open_ports import Listener
from service.model.kinds.pod import Pod
from service.model.workload import Workload
from service.net.intervals import IntervalSet
from service.net.prefixes import Family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.errors import SourceLocation
    from service.model.pod_spec import ContainerPort
    from service.model.refs import ObjectRef
    from service.policy.world import World

_LOOPBACK = ((Family.V4, 127 << 24, (128 << 24) - 1), (Family.V6, 1, 1))


@dataclass(frozen=True, slots=True)
class Listening:
    """A port that the pods of one owner open; *subject* is that owner, or the pod itself."""

    subject: ObjectRef
    location: SourceLocation
    listener: Listener


def listening(world: World, settings: CheckSettings) -> Iterator[Listening]:
    """The ports of all pods outside of the protected namespaces, those of one owner in one.

    Where a cluster's pods are known, they tell; else the templates of workloads do, for every node.
    """
    found: dict[object, Listening] = {}
    pods = world.snapshot.all(Pod)
    for ref in sorted(pods):
        pod = pods[ref]
        if ref.namespace not in settings.protected and pod.node and pod.ips:
            subject = pod.owner or ref
            for listener in _listeners(pod.ports, host_network=pod.host_network):
                key = (subject, listener)
                known = found.get(key)
                nodes = frozenset(known.listener.nodes or ()) if known else frozenset()
                here = replace(listener, nodes=nodes | {pod.node})
                found[key] = Listening(subject, pod.meta.location, here)
    if not world.knows_pods:
        for ref, one in world.snapshot.all(Workload).items():
            if ref.namespace not in settings.protected and one.owner is None:
                for listener in _listeners(one.ports, host_network=one.host_network):
                    found[ref, listener] = Listening(ref, one.meta.location, listener)
    yield from found.values()


def _listeners(ports: tuple[ContainerPort, ...], *, host_network: bool) -> Iterator[Listener]:
    """A pod on the host's network listens there itself; any other behind the DNAT of its host port."""
    for port in ports:
        number = port.port if host_network else port.host_port
        if number and not _is_loopback(port):
            only = IntervalSet.single(port.host_ip[1]) if port.host_ip and port.host_ip[1] else None
            yield Listener(
                port.protocol,
                IntervalSet.single(number),
                translated=not host_network,
                addresses=None if host_network else only,
            )


def _is_loopback(port: ContainerPort) -> bool:
    if port.host_ip is None:
        return False
    family, value = port.host_ip
    return any(family is one and low <= value <= high for one, low, high in _LOOPBACK)
