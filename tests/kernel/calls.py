"""Flows drawn at random in a world: from and to everything there is, by every way that leads there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from tests.reference.endpoints import is_host_networked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

    from tests.reference.policies import Raw

OUTSIDE = {
    4: ("203.0.113.9", "198.51.100.7", "192.0.2.10", "172.16.9.9"),
    6: ("2001:db8:9::9", "2001:db8:100::7"),
}
_LOOPBACK = {4: "127.0.0.1", 6: "::1"}
_VXLAN = ("UDP", 4789)
_IPIP = ("IPIP", 0)
_TO_HOSTS = (
    *(("TCP", port) for port in (22, 53, 80, 443, 2379, 6443, 8080, 9100, 10250)),
    *(("UDP", port) for port in (53, 68)),
    _VXLAN,
    _IPIP,
)
_TO_PODS = (
    *(("TCP", port) for port in (8080, 8080, 80, 22)),
    ("UDP", 5353),
    ("UDP", 5353),
    ("SCTP", 9000),
    _VXLAN,
)
_TO_OTHERS = (("TCP", 443), ("TCP", 6443), ("UDP", 53), ("UDP", 123), ("TCP", 22))
_REPLY_PORTS = (22, 53, 6443, 68)


class _Target(NamedTuple):
    """An address, the ports worth calling there, and the node that is near; "" for none."""

    address: str
    ports: tuple[tuple[str, int], ...]
    near: str = ""


class Calls:
    """Draws flows in the world of *objects*."""

    def __init__(self, random: Random, objects: Iterable[Raw]) -> None:
        """Nothing is drawn yet."""
        self._random = random
        by_kind: dict[str, list[Raw]] = {}
        for one in objects:
            by_kind.setdefault(one["kind"], []).append(one)
        self._nodes = {one["metadata"]["name"]: _interfaces(one) for one in by_kind["Node"]}
        pods = by_kind.get("Pod", ())
        self._pods = [one for one in pods if not is_host_networked(one)]
        self._services = by_kind.get("Service", ())
        # Without ports, one connection could be taken for the answer of another.
        self._portless: set[tuple[int, int]] = set()
        self._ports = _distinct_ports(random)
        self._families = [
            family
            for family in (4, 4, 4, 6)
            if all(self._own(node, family) for node in self._nodes)
        ]

    def draw(self, count: int) -> list[Raw]:
        """So many flows."""
        return [self._one() for _ in range(count)]

    def _one(self) -> Raw:
        family = self._random.choice(self._families)
        target = None
        while target is None:
            target = self._target(family)
        packet = self._packet(family, target.ports)
        return {**self._source(family, target.near), "to": {"ip": target.address}, **packet}

    def _source(self, family: int, near: str) -> Raw:
        """Who sends; from outside, also where the packet comes in: where it is near, mostly."""
        random, nodes = self._random, list(self._nodes)
        kinds = ["outside", "outside", "outside", "pod", "pod", "node"]
        kind = "node" if near == "loopback" else random.choice(kinds)
        if kind == "outside" and near != "outside":
            node = near if near and random.random() < 0.8 else random.choice(nodes)
            via = {"node": node, "interface": random.choice(list(self._nodes[node]))}
            return {"from": {"ip": random.choice(OUTSIDE[family])}, "via": via}
        pods = [one for one in self._pods if _addresses(one, family)]
        if kind == "node" or not pods:
            is_near = near in self._nodes and random.random() < 0.3
            return {"from": {"node": near if is_near else random.choice(nodes)}}
        meta = random.choice(pods)["metadata"]
        return {"from": {"pod": f"{meta['namespace']}/{meta['name']}"}}

    def _target(self, family: int) -> _Target | None:
        """What is called; None where the world has nothing of the kind that was drawn."""
        kinds = [self._node, self._node_port, self._virtual, self._pod] * 2
        draw = self._random.choice([*kinds, self._host_port, self._elsewhere])
        found = [*draw(family)]
        return self._random.choice(found) if found else None

    def _own(self, node: str, family: int) -> list[str]:
        """The addresses of a node."""
        listed = self._nodes[node].values()
        return [one for texts in listed for one in texts if _is_of(one, family)]

    def _node(self, family: int) -> Iterator[_Target]:
        for node in self._nodes:
            for address in self._own(node, family):
                yield _Target(address, _TO_HOSTS, node)

    def _node_port(self, family: int) -> Iterator[_Target]:
        for service in self._services:
            for port in service["spec"].get("ports") or ():
                if port.get("nodePort"):
                    socket = (port.get("protocol", "TCP"), port["nodePort"])
                    for node in self._nodes:
                        for address in self._own(node, family):
                            yield _Target(address, (socket,), node)

    def _virtual(self, family: int) -> Iterator[_Target]:
        for service in self._services:
            spec = service["spec"]
            balancer = (service.get("status") or {}).get("loadBalancer") or {}
            for address in (
                *(spec.get("clusterIPs") or [spec.get("clusterIP")]),
                *(spec.get("externalIPs") or ()),
                *(one.get("ip") for one in balancer.get("ingress") or ()),
            ):
                if address and address != "None" and _is_of(address, family):
                    for port in spec.get("ports") or ():
                        yield _Target(address, ((port.get("protocol", "TCP"), port["port"]),))

    def _pod(self, family: int) -> Iterator[_Target]:
        for pod in self._pods:
            for address in _addresses(pod, family):
                yield _Target(address, _TO_PODS, pod["spec"]["nodeName"])

    def _host_port(self, family: int) -> Iterator[_Target]:
        for pod in self._pods:
            node = pod["spec"]["nodeName"]
            for container in pod["spec"]["containers"]:
                for port in container.get("ports") or ():
                    if port.get("hostPort"):
                        socket = (port.get("protocol", "TCP"), port["hostPort"])
                        for address in self._own(node, family):
                            yield _Target(address, (socket,), node)

    def _elsewhere(self, family: int) -> Iterator[_Target]:
        yield _Target(_LOOPBACK[family], _TO_OTHERS, "loopback")
        for address in OUTSIDE[family][:2]:
            yield _Target(address, _TO_OTHERS, "outside")

    def _packet(self, family: int, ports: tuple[tuple[str, int], ...]) -> Raw:
        random = self._random
        protocol, port = random.choice(ports)
        drawn = random.random() if len(ports) > 1 else 1.0
        if drawn < 0.12:
            kind, name = (random.choice([8, 8, 13]), "ICMP") if family == 4 else (128, "ICMPv6")
            return {"protocol": name, "icmp": {"type": kind, "code": 0}}
        if drawn < 0.17 or (protocol, port) == _IPIP:
            number = 4 if (protocol, family) == ("IPIP", 4) else 253
            if (number, family) not in self._portless:
                self._portless.add((number, family))
                return {"protocol": number}
            protocol, port = "TCP", port or 22
        is_like_a_reply = random.random() < 0.05
        source = random.choice(_REPLY_PORTS) if is_like_a_reply else next(self._ports)
        return {"protocol": protocol, "port": port, "src_port": source}


def _distinct_ports(random: Random) -> Iterator[int]:
    drawn: set[int] = set()
    while True:
        port = random.randrange(20000, 60000)
        if port not in drawn:
            drawn.add(port)
            yield port


def _is_of(address: str, family: int) -> bool:
    return (":" in address) == (family == 6)


def _addresses(pod: Raw, family: int) -> list[str]:
    return [one["ip"] for one in pod["status"]["podIPs"] if _is_of(one["ip"], family)]


def _interfaces(node: Raw) -> dict[str, list[str]]:
    told = json.loads(node["metadata"]["annotations"]["nodeward.io/interfaces"])
    return {name: [one.split("/")[0] for one in listed] for name, listed in told.items()}
