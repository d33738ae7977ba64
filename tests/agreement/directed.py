"""Worlds directed at one cell: a policy at that hook whose one rule has that action and criterion, and flows to meet it.

Chance alone leaves holes where a hook, an action and a criterion are each rare. The policy stands in a tier before
all others, which passes, so that what the world had decides of what the rule does not match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.kernel.services import NODE_PORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from random import Random

    from tests.agreement.tally import Cell
    from tests.kernel.calls import Calls
    from tests.reference.policies import Raw

_V3 = "projectcalico.org/v3"
_TRIED = 150
"""Flows drawn, of which those are kept that are likely to meet the rule."""
_PORTED = {"TCP", "UDP", "SCTP"}
_FLAGS = {
    "untracked": {"doNotTrack": True, "applyOnForward": True},
    "preDNAT": {"preDNAT": True, "applyOnForward": True},
    "forward": {"applyOnForward": True},
    "normal": {},
    "workload": {},
}


def direct(
    cell: Cell, objects: list[Raw], calls: Calls, *, random: Random, count: int
) -> list[Raw]:
    """So many flows; the tier and policy that they are to meet are added to *objects*."""
    hook, action, field = cell
    places = _Places(objects)
    flows = _likely(calls, places, cell, count=count)
    rule = {"action": action, **_criterion(field, flows[0], places, random)}
    kind, direction = hook.split()
    spec = {
        "tier": "first",
        "order": 1,
        "selector": "has(app)" if kind == "workload" else "has(host)",
        "types": [direction.capitalize()],
        direction: [rule],
        **_FLAGS[kind],
    }
    objects += [
        _object("Tier", "first", {"order": 1, "defaultAction": "Pass"}),
        _object("GlobalNetworkPolicy", "directed", spec),
    ]
    return flows


class _Places:
    """Which node an address belongs to, of hosts and of pods, and which sockets are backends."""

    def __init__(self, objects: Iterable[Raw]) -> None:
        """Of a world's objects."""
        self.hosts: dict[str, str] = {}
        self.pods: dict[str, str] = {}
        self.of: dict[str, list[str]] = {}
        self.backends: dict[str, set[tuple[str, str, int]]] = {name: set() for name in NODE_PORTS}
        for one in objects:
            name = one["metadata"]["name"]
            if one["kind"] == "Node":
                listed = [each["address"] for each in one["status"]["addresses"]]
                self.of[name] = listed
                self.hosts.update(dict.fromkeys(listed, name))
            elif one["kind"] == "Pod" and not one["spec"].get("hostNetwork"):
                listed = [each["ip"] for each in one["status"]["podIPs"]]
                self.of[f"{one['metadata']['namespace']}/{name}"] = listed
                self.pods.update(dict.fromkeys(listed, one["spec"]["nodeName"]))
            elif one["kind"] == "EndpointSlice":
                service = one["metadata"]["labels"]["kubernetes.io/service-name"]
                self.backends[service] |= {
                    (address, port["protocol"], port["port"])
                    for endpoint in one["endpoints"]
                    for address in endpoint["addresses"]
                    for port in one["ports"]
                }

    def senders(self, flow: Raw) -> list[str]:
        """The addresses of who sends."""
        found = flow["from"]
        return [found["ip"]] if "ip" in found else self.of[found.get("pod") or found["node"]]

    def node_of(self, address: str) -> str:
        """The node of a host or pod; "" of what is elsewhere."""
        return self.hosts.get(address) or self.pods.get(address, "")

    def comes_in(self, flow: Raw) -> bool:
        """Whether it comes to a node through one of the node's own interfaces."""
        return "ip" in flow["from"] or self.node_of(self.senders(flow)[0]) != self.node_of(
            flow["to"]["ip"]
        )

    def serving(self, socket: tuple[str, str | int, int]) -> list[str]:
        """The Services of which a socket is a backend."""
        return [name for name, sockets in self.backends.items() if socket in sockets]

    def behind(self, address: str) -> list[str]:
        """The Services of which an address is a backend, whatever the port."""
        return [
            name for name, found in self.backends.items() if any(one[0] == address for one in found)
        ]


_MEETS: dict[str, Callable[[_Places, Raw], bool]] = {
    "untracked ingress": _Places.comes_in,
    "untracked egress": lambda at, flow: "node" in flow["from"] and at.comes_in(flow),
    "preDNAT ingress": _Places.comes_in,
    "forward ingress": lambda at, flow: at.comes_in(flow) and flow["to"]["ip"] not in at.hosts,
    "forward egress": lambda at, flow: "pod" in flow["from"] and at.comes_in(flow),
    "normal ingress": lambda at, flow: at.comes_in(flow) and flow["to"]["ip"] in at.hosts,
    "normal egress": lambda _, flow: "node" in flow["from"],
    "workload ingress": lambda at, flow: flow["to"]["ip"] in at.pods and "node" not in flow["from"],
    "workload egress": lambda _, flow: "pod" in flow["from"],
}


def _likely(calls: Calls, places: _Places, cell: Cell, *, count: int) -> list[Raw]:
    """The flows of those drawn that come to the hook and have what the criterion asks for, first."""
    hook, _, field = cell

    def misses(flow: Raw) -> int:
        return 2 * (not _MEETS[hook](places, flow)) + 3 * (not _fits(field, flow, places))

    return sorted(calls.draw(_TRIED), key=misses)[:count]


def _fits(field: str, flow: Raw, places: _Places) -> bool:
    side, _, name = field.partition(".")
    if field in {"icmp", "notICMP"}:
        return "icmp" in flow
    if name in {"ports", "notPorts"}:
        return "port" in flow
    if name == "serviceAccounts":
        return "pod" in flow["from"] if side == "source" else flow["to"]["ip"] in places.pods
    if field == "source.services":
        return any(places.behind(one) for one in places.senders(flow))
    if field == "destination.services":
        return bool(places.serving(_socket(flow)))
    return True


def _socket(flow: Raw) -> tuple[str, str | int, int]:
    return flow["to"]["ip"], flow["protocol"], flow.get("port", 0)


def _criterion(field: str, flow: Raw, places: _Places, random: Random) -> Raw:
    """What a rule has besides its action, to have that criterion and match *flow*, mostly."""
    family = 6 if ":" in flow["to"]["ip"] else 4
    side, _, name = field.partition(".")
    if field == "none":
        return {}
    if name in {"ports", "notPorts"}:
        protocol = flow["protocol"] if flow["protocol"] in _PORTED else "TCP"
        return {"protocol": protocol, side: {name: _ports(field, flow, random)}}
    if name:
        return {side: {name: _entity(field, flow, places, random=random, family=family)}}
    if field in {"icmp", "notICMP"}:
        kind = flow.get("icmp", {}).get("type", 8) if field == "icmp" else 14
        return {"protocol": "ICMP" if family == 4 else "ICMPv6", field: {"type": kind}}
    other = random.choice([one for one in ("TCP", "UDP", 253) if one != flow["protocol"]])
    return {field: {"ipVersion": family, "protocol": flow["protocol"], "notProtocol": other}[field]}


def _ports(field: str, flow: Raw, random: Random) -> list[object]:
    if field.endswith("notPorts"):
        return [random.choice([1, "2:5", 65535])]
    own = flow.get("src_port" if field.startswith("source") else "port", 80)
    return random.choice([[own, 8080, 5353, 9000, 9100], ["1:65535"], ["20:10000", "10001:60000"]])


def _entity(
    field: str, flow: Raw, places: _Places, *, random: Random, family: int
) -> Sequence[str] | Raw | str:
    """The value of a criterion of one side."""
    name = field.partition(".")[2]
    if name == "nets":
        return ["0.0.0.0/0" if family == 4 else "::/0"]
    if name == "notNets":
        return ["198.51.100.128/25" if family == 4 else "2001:db8:77::/48"]
    if name == "serviceAccounts":
        return random.choice([{"selector": "has(trust)"}, {"names": ["web", "client", "default"]}])
    if name == "services":
        found = [each for one in places.senders(flow) for each in places.behind(one)]
        named = found if field.startswith("source") else places.serving(_socket(flow))
        return {"name": random.choice(named or ["s0"]), "namespace": "a"}
    if name == "namespaceSelector":
        return random.choice(["has(env)", "global()", "all()"])
    if name == "selector":
        return random.choice(["has(app)", "has(host)", "all()", "zone == 'office'"])
    return random.choice(["zone == 'nowhere'", "role == 'nobody'", "zone == 'office'"])


def _object(kind: str, name: str, spec: Raw) -> Raw:
    return {"apiVersion": _V3, "kind": kind, "metadata": {"name": name}, "spec": spec}
