"""Policies of a drawn world: of every kind and category, with rules that what is sent can meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from tests.reference.policies import Raw

_V3 = "projectcalico.org/v3"
NETS = {
    4: (
        "203.0.113.0/24",
        "198.51.100.7/32",
        "192.168.10.0/24",
        "192.168.10.11/32",
        "10.50.0.0/16",
        "10.50.1.0/24",
        "10.0.0.0/8",
        "128.0.0.0/1",
    ),
    6: ("2001:db8:9::/48", "fd10::/64", "fd10::11/128", "fd50::/24", "fd50:1::/64", "2000::/3"),
}
_PORTS = ([80], [8080], [30080, 31000], ["30000:32767"], ["1:1024"], ["5000:9100"], [5353], [22])
_HOST_SELECTORS = (
    "has(host)",
    "host == 'n1'",
    "host in {'m1', 'n2'}",
    "role == 'node'",
    "role == 'edge'",
    "role != 'edge'",
    "all()",
)
_POD_SELECTORS = (
    "app == 'web'",
    "app in {'db', 'api'}",
    "role == 'bad'",
    "has(app)",
    "projectcalico.org/namespace == 'a'",
    "projectcalico.org/orchestrator == 'k8s'",
)
_PEERS = (
    *_HOST_SELECTORS[:5],
    *_POD_SELECTORS,
    "zone == 'office'",
    "role != 'good'",
    "!has(app)",
)
_CATEGORIES = {
    "guard": ("preDNAT", "preDNAT", "preDNAT", "untracked", "normal"),
    "forward": ("forward", "forward", "preDNAT", "normal"),
    "hosts": ("normal", "normal", "untracked", "forward"),
    "pods": ("pods", "pods", "pods", "namespaced", "namespaced", "kubernetes"),
    "mixed": ("preDNAT", "untracked", "forward", "normal", "pods", "namespaced", "kubernetes"),
}
_TIERS = ("default", "default", "security", "kube-admin", "kube-baseline")


class Policies:
    """Draws the policies of one world."""

    def __init__(self, random: Random, theme: str) -> None:
        """Policies of the categories of *theme*."""
        self._random, self._theme = random, theme

    def objects(self) -> list[Raw]:
        """Tiers, network sets and policies."""
        return [*self._tiers(), *self._network_sets(), *self._policies()]

    def _tiers(self) -> Iterator[Raw]:
        for name, order, action in (
            ("kube-admin", 1000, "Pass"),
            ("default", 1_000_000, "Deny"),
            ("kube-baseline", 10_000_000, "Pass"),
        ):
            yield _object("Tier", name, {"order": order, "defaultAction": action})
        action = self._random.choice(["Deny", "Pass"])
        order = self._random.choice([100, 2_000_000])
        yield _object("Tier", "security", {"order": order, "defaultAction": action})

    def _network_sets(self) -> Iterator[Raw]:
        nets = [*NETS[4][:3], *NETS[6][:2]]
        chosen = self._random.sample(nets, 2)
        yield _object("GlobalNetworkSet", "office", {"nets": chosen}, labels={"zone": "office"})
        nets = [self._random.choice(NETS[4])]
        yield _object("NetworkSet", "inside", {"nets": nets}, namespace="a", labels={"app": "web"})

    def _policies(self) -> Iterator[Raw]:
        # Letters of random order, so that names do not follow the order of drawing.
        letters = self._random.sample("abcdefghijklmnopq", self._random.randint(3, 7))
        for letter in letters:
            category = self._random.choice(_CATEGORIES[self._theme])
            if category == "kubernetes":
                yield self._kubernetes(letter)
            elif category == "namespaced":
                yield self._namespaced(letter)
            else:
                yield self._global(letter, category)

    def _global(self, name: str, category: str) -> Raw:
        spec: dict[str, object] = {"selector": self._selector(category)}
        if category not in {"normal", "pods"}:
            spec["applyOnForward"] = True
        if category == "preDNAT":
            spec["preDNAT"] = True
        if category == "untracked":
            spec["doNotTrack"] = True
        directions = ["Ingress"] if category == "preDNAT" else self._directions()
        self._fill(spec, directions)
        return _object("GlobalNetworkPolicy", name, spec)

    def _selector(self, category: str) -> str:
        random = self._random
        if category == "pods":
            return random.choice(_POD_SELECTORS)
        if random.random() < 0.15:
            return random.choice(["all()", "", *_PEERS])
        return random.choice(_HOST_SELECTORS)

    def _directions(self) -> list[str]:
        return self._random.choice([["Ingress"], ["Egress"], ["Ingress", "Egress"]])

    def _namespaced(self, name: str) -> Raw:
        namespace = self._random.choice(["a", "b"])
        spec: dict[str, object] = {"selector": self._random.choice([*_POD_SELECTORS, "all()"])}
        if self._random.random() < 0.2:
            spec["serviceAccountSelector"] = "trust == 'high'"
        self._fill(spec, self._directions())
        return _object("NetworkPolicy", name, spec, namespace=namespace)

    def _fill(self, spec: dict[str, object], directions: list[str]) -> None:
        """Tier, order, types and rules."""
        random = self._random
        spec["tier"] = random.choice(_TIERS)
        if random.random() < 0.8:
            spec["order"] = random.choice([1, 10, 10.5, 20, 1000])
        spec["types"] = directions
        for direction in directions:
            rules = [self._rule(direction) for _ in range(random.randint(0, 4))]
            if random.random() < 0.3:
                rules.append({"action": random.choice(["Deny", "Allow", "Pass"])})
            spec[direction.lower()] = rules

    def _rule(self, direction: str) -> Raw:
        random = self._random
        family = random.choice([4, 4, 6])
        protocol = random.choice([None, None, "TCP", "TCP", "UDP", "SCTP", "ICMP", 253])
        rule: dict[str, object] = {
            "action": random.choice(["Allow", "Allow", "Deny", "Deny", "Pass", "Log"])
        }
        if protocol == "ICMP":
            protocol = "ICMP" if family == 4 else "ICMPv6"
            echo = {"type": 8 if family == 4 else 128}
            if random.random() < 0.5:
                rule[random.choice(["icmp", "notICMP"])] = echo
        if protocol is not None:
            rule["protocol"] = protocol
        elif random.random() < 0.15:
            rule["notProtocol"] = random.choice(["TCP", "UDP", 253])
        if random.random() < 0.1:
            rule["ipVersion"] = family
        ported = protocol in {"TCP", "UDP", "SCTP"}
        for side in ("source", "destination"):
            if random.random() < 0.55:
                entity = self._entity(family, side, ported=ported)
                if side == ("source" if direction == "Ingress" else "destination"):
                    entity = self._service() or entity
                rule[side] = entity
        return rule

    def _service(self) -> dict[str, object] | None:
        if self._random.random() > 0.08:
            return None
        return {"services": {"name": self._random.choice(["s0", "s1"]), "namespace": "a"}}

    def _entity(self, family: int, side: str, *, ported: bool) -> dict[str, object]:
        random = self._random
        found: dict[str, object] = {}
        kind = random.choice(["nets", "nets", "notNets", "selector", "notSelector", "both", "ns"])
        if kind in {"nets", "notNets"}:
            found[kind] = random.sample(NETS[family], random.choice([1, 1, 2]))
        elif kind == "both":
            found["selector"] = random.choice(_PEERS)
            found["notSelector"] = random.choice(_PEERS)
        elif kind == "ns":
            found["namespaceSelector"] = random.choice(["env == 'prod'", "all()", "global()"])
            if random.random() < 0.4:
                found["serviceAccounts"] = {"names": ["web"]}
        else:
            found[kind] = random.choice(_PEERS)
        if ported and side == "destination" and random.random() < 0.7:
            if random.random() < 0.5:
                found = {}
            choices: tuple[list[object], ...] = (*_PORTS, ["http"], ["dns", 22])
            field = "ports" if random.random() < 0.85 else "notPorts"
            found[field] = random.choice(choices)
        if ported and side == "source" and random.random() < 0.1:
            found["ports"] = random.choice([["1024:65535"], [53, 6443], ["20000:30000"]])
        return found

    def _kubernetes(self, name: str) -> Raw:
        random = self._random
        peers = [
            {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["203.0.113.0/24"]}},
            {"ipBlock": {"cidr": "fd50::/24"}},
            {"podSelector": {"matchLabels": {"role": "good"}}},
            {"namespaceSelector": {"matchLabels": {"env": "dev"}}},
            {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}},
        ]
        ports = [{"port": 8080}, {"protocol": "UDP", "port": 5353}, {"port": "http"}]
        directions = self._directions()
        spec: dict[str, object] = {
            "podSelector": random.choice([{}, {"matchLabels": {"app": "web"}}]),
            "policyTypes": directions,
        }
        for direction in directions:
            rules = []
            for _ in range(random.randint(0, 2)):
                side = "from" if direction == "Ingress" else "to"
                rule: dict[str, object] = {side: random.sample(peers, random.randint(1, 2))}
                if random.random() < 0.5:
                    rule["ports"] = random.sample(ports, random.randint(1, 2))
                rules.append(rule)
            spec[direction.lower()] = rules
        meta = {"name": name, "namespace": random.choice(["a", "b"])}
        version = "networking.k8s.io/v1"
        return {"apiVersion": version, "kind": "NetworkPolicy", "metadata": meta, "spec": spec}


def _object(kind: str, name: str, spec: object, **meta: object) -> Raw:
    return {
        "apiVersion": _V3,
        "kind": kind,
        "metadata": {"name": name, **meta},
        "spec": spec,
    }
