"""Drawn worlds of every path: those of the kernel suite, with criteria, kinds and dataplanes that it cannot render.

A world is named by its number, and drawn the same again from it. Every third is directed at a cell.
"""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from tests.agreement.directed import direct
from tests.agreement.tally import cells
from tests.kernel import worlds as kernel_worlds
from tests.kernel.calls import Calls
from tests.kernel.worlds import THEMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.reference.policies import Raw

_INTERFACES = "nodeward.io/interfaces"
SIDES = ("source", "destination")
_CALICO = {"GlobalNetworkPolicy", "NetworkPolicy"}
_STAGEABLE = {"GlobalNetworkPolicy"}  # the engine need not read the other staged kinds
_ACTIONS = ("Allow", "Deny", "Pass", "Log")
_PORTED = {"TCP", "UDP", "SCTP"}
_PORTS: tuple[list[object], ...] = ([22], ["1:1024"], ["1024:65535"], [5353, 9000], ["20000:60000"])
_SELECTORS = ("role == 'good'", "has(app)", "zone == 'office'", "has(host)", "!has(app)")
_NETS = {
    4: ("0.0.0.0/0", "10.0.0.0/8", "203.0.113.0/24", "192.168.10.0/24", "172.16.0.0/12"),
    6: ("::/0", "fd50::/24", "2001:db8::/32", "fd10::/64"),
}
_UNLIKELY_NETS = {4: ("172.16.9.0/24", "198.51.100.0/24"), 6: ("2001:db8:100::/48",)}


_CELLS = tuple(cells())
_DIRECTED = 3
"""One world of so many is directed at the cell whose turn it is."""


class Drawn(NamedTuple):
    """A world and flows through it."""

    name: str
    objects: list[Raw]
    flows: list[Raw]


def draw(number: int, flows: int) -> Drawn:
    """The world of a number: every theme in turn."""
    theme, seed = THEMES[number % len(THEMES)], number // len(THEMES)
    random = Random(f"agreement-{number}")
    objects = kernel_worlds.draw(theme, seed)
    for one in objects:
        if one["kind"] in _CALICO:
            _enrich(one["spec"], random, often=bool(one["spec"].get("doNotTrack")))
            if one["kind"] in _STAGEABLE and random.random() < 0.1:
                one["kind"] = f"Staged{one['kind']}"
    calls = Calls(random, objects)
    _change_dataplane(objects, random)
    if number % _DIRECTED:
        drawn = [_varied(flow, random) for flow in calls.draw(flows)]
    else:
        cell = _CELLS[number // _DIRECTED % len(_CELLS)]
        drawn = direct(cell, objects, calls, random=random, count=flows)
    later = [{**one, "established": True} if random.random() < 0.05 else one for one in drawn]
    return Drawn(f"{number} ({theme})", objects, later)


def _change_dataplane(objects: list[Raw], random: Random) -> None:
    """eBPF in one world of twelve, kube-proxy in IPVS mode in another."""
    chance = random.random()
    felix = next(one for one in objects if one["kind"] == "FelixConfiguration")
    if chance < 1 / 12:
        felix["spec"]["bpfEnabled"] = True
    elif chance > 11 / 12:
        felix["spec"]["nftablesMode"] = "Disabled"
        for one in objects:
            if one["kind"] == "Node":
                annotations = one["metadata"]["annotations"]
                interfaces = json.loads(annotations[_INTERFACES])
                annotations[_INTERFACES] = json.dumps({**interfaces, "kube-ipvs0": []})


def _varied(flow: Raw, random: Random) -> Raw:
    """*flow*, or one of ICMP in its place, which is rare among those of the kernel suite."""
    if random.random() > 0.12:
        return flow
    kept = {name: flow[name] for name in ("from", "to", "via") if name in flow}
    if ":" in flow["to"]["ip"]:
        return {**kept, "protocol": "ICMPv6", "icmp": {"type": 128, "code": 0}}
    kind = random.choice([8, 13, 13])
    return {**kept, "protocol": "ICMP", "icmp": {"type": kind, "code": 0}}


def rules(spec: Raw) -> Iterator[tuple[str, Raw]]:
    """Each rule of a policy, with its direction as Calico's types have it."""
    for direction in ("Ingress", "Egress"):
        for rule in spec.get(direction.lower()) or ():
            yield direction, rule


def _enrich(spec: Raw, random: Random, *, often: bool) -> None:
    """More criteria and other actions; *often* where rules come to match seldom."""
    for direction, rule in rules(spec):
        if random.random() < (0.8 if often else 0.4):
            _add_criterion(rule, direction, random)
        if random.random() < (0.3 if often else 0.1):
            rule["action"] = random.choice(["Pass", "Log"])
    if often and "Ingress" in spec["types"] and random.random() < 0.5:
        spec["types"] = ["Ingress", "Egress"]
        spec.setdefault("egress", []).insert(0, {"action": random.choice(_ACTIONS)})
        _add_criterion(spec["egress"][0], "Egress", random)


def _add_criterion(rule: Raw, direction: str, random: Random) -> None:
    """One criterion more, of those that leave something to match."""
    family = _family(rule, random)
    field = random.choice(
        ["protocol", "icmp", "ports", "ports", "peer", "peer", "account", "service"]
    )
    if field == "protocol":
        _add_protocol(rule, family, random)
        return
    if field == "icmp":
        _add_icmp(rule, family, random)
        return
    side = random.choice(SIDES)
    entity = dict(rule.get(side) or {})
    if field == "ports" and rule.get("protocol") in _PORTED:
        entity[random.choice(["ports", "notPorts"])] = random.choice(_PORTS)
    elif field == "peer":
        _add_peer(entity, family, random)
    elif field == "account":
        entity["serviceAccounts"] = random.choice(
            [{"names": ["web", "default"]}, {"selector": "has(trust)"}]
        )
    elif field == "service":
        side = "source" if direction == "Ingress" else "destination"
        entity = {"services": {"name": random.choice(["s0", "s1"]), "namespace": "a"}}
    if entity:
        rule[side] = entity


def _family(rule: Raw, random: Random) -> int:
    """The one that the rule's nets or protocol speak of, so that what is added fits."""
    listed = [
        net
        for side in SIDES
        for key in ("nets", "notNets")
        for net in (rule.get(side) or {}).get(key, ())
    ]
    if listed:
        return 6 if ":" in listed[0] else 4
    by_protocol = {"ICMP": 4, "ICMPv6": 6}
    return by_protocol.get(rule.get("protocol"), rule.get("ipVersion") or random.choice([4, 4, 6]))


def _add_protocol(rule: Raw, family: int, random: Random) -> None:
    if "protocol" not in rule and random.random() < 0.6:
        rule["notProtocol"] = random.choice(["TCP", "UDP", "SCTP", 253])
    else:
        rule["ipVersion"] = family


def _add_icmp(rule: Raw, family: int, random: Random) -> None:
    """ICMP in place of what the rule asks for, with or without a type."""
    for side in SIDES:
        for key in ("ports", "notPorts"):
            (rule.get(side) or {}).pop(key, None)
    rule.pop("notProtocol", None)
    rule.pop("ipVersion", None)
    rule["protocol"] = "ICMP" if family == 4 else "ICMPv6"
    kinds = [8, 13] if family == 4 else [128]
    rule[random.choice(["icmp", "notICMP"])] = {"type": random.choice(kinds)}


def _add_peer(entity: Raw, family: int, random: Random) -> None:
    field = random.choice(
        ["nets", "notNets", "notNets", "selector", "notSelector", "namespaceSelector"]
    )
    if field == "nets":
        entity.setdefault(field, [random.choice(_NETS[family])])
    elif field == "notNets":
        entity[field] = [random.choice(_UNLIKELY_NETS[family])]
    elif field == "namespaceSelector":
        entity[field] = random.choice(["env == 'prod'", "has(env)", "global()"])
    else:
        entity[field] = random.choice(_SELECTORS)
