"""Both sides of a comparison: what the engine says of sets, and what the model says of one packet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address

from service.net.flow import PROTOCOL_NUMBERS, Flow
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.prefixes import Family, parse_ip
from service.policy.cause import Direction, Hook, Reason
from service.policy.gates import Gate
from service.policy.world import World
from tests.factories import decode, make_snapshot
from tests.property.engine_worlds import PEERS, UNREAD
from tests.reference import chains
from tests.reference.packet import Packet
from tests.reference.world import World as Model


class Way(Enum):
    """A way past the host endpoint of an interface, and the chains of the model that it runs."""

    GUARD = (chains.ut_in, chains.pre)
    TO_HOST = (chains.ut_in, chains.pre, chains.hin)
    FORWARDED = (chains.hfwd_in,)
    FROM_HOST = (chains.ut_out, chains.hout)


FAMILIES = (Family.V4, Family.V6)
NODE = "w1"
INTERFACES = ("eth0", "eth1", "lo")
_FOREIGN = {Family.V4: PROTOCOL_NUMBERS["ICMPv6"], Family.V6: PROTOCOL_NUMBERS["ICMP"]}
_LAST_HOOK = {
    Way.GUARD: "preDNAT",
    Way.TO_HOST: "normal",
    Way.FORWARDED: "forward",
    Way.FROM_HOST: "normal",
}


@dataclass(frozen=True, slots=True)
class Fate:
    """What one hook came to, and by what; `policy` and `rule` where a rule decided."""

    hook: str
    decision: str
    reason: str = ""
    tier: str = ""
    policy: str = ""
    rule: int | None = None


def engine_world(objects):
    """The engine's world of raw objects."""
    return World(make_snapshot(*(decode(one) for one in objects if one["kind"] not in UNREAD)))


def refused_by_the_api_server(one):
    """Whether an object never comes to Felix, so that the model must not see it."""
    layers = {problem.layer.value for problem in decode(one).problems}
    return bool(layers & {"schema", "decode"})


def model_of(objects):
    """The reference model of the objects that an API server lets in."""
    return Model(
        one for one in objects if one["kind"] in UNREAD or not refused_by_the_api_server(one)
    )


def gate(world, interface):
    """The gate of an interface of the node; "lo" has none but `*`."""
    endpoints = world.endpoints(NODE)
    found = [one for one in world.nodes[NODE].interfaces if one.name == interface]
    named = endpoints.on_interface(found[0], "") if found else None
    return Gate(named, endpoints.wildcard)


def partition(world, interface, way, family):
    """What becomes of every packet of *family* on *way*."""
    live = Bounds.exact(HeaderSpace.everything(family))
    before = gate(world, interface)
    match way:
        case Way.GUARD:
            return before.guard(world, live)
        case Way.TO_HOST:
            return before.to_host(world, live)
        case Way.FROM_HOST:
            return before.from_host(world, live)
        case Way.FORWARDED:
            endpoint = before.endpoint(world, Hook.FORWARD)
            return world.evaluate(endpoint, live, hook=Hook.FORWARD, direction=Direction.INGRESS)


def told(part):
    """The fate that a part of the engine's partition tells."""
    cause = part.cause
    hook, decision = cause.hook.value, part.decision.value
    match cause.reason:
        case Reason.RULE:
            return Fate(hook, decision, "rule", cause.tier, cause.policy.name, cause.rule)
        case Reason.END_OF_TIER:
            return Fate(hook, decision, "end-of-tier", cause.tier)
        case Reason.PROFILE | Reason.FAILSAFE | Reason.NO_HOST_ENDPOINT:
            return Fate(hook, decision, cause.reason.value)
        case _:
            # The model calls the drop that ends a chain a profile's; a hook that leaves open has no name.
            return Fate(hook, decision, "profile" if cause.hook is Hook.NORMAL else "")


def modelled(model, interface, way, packet):
    """The fate of one packet by the reference model."""
    host = model.hosts[NODE]
    if not host.is_programmed(packet.family):
        return Fate(_LAST_HOOK[way], "undecided", "no-host-endpoint")
    for chain in way.value:
        on = host.governing(interface) if chain is chains.hout else interface
        stage = chain(model, host, on, packet)
        if stage is not None and stage.verdict != "undecided":
            break
    if stage is None:
        return Fate(_LAST_HOOK[way], "undecided", "no-host-endpoint")
    # What no forward policy decides is not denied, which the engine calls allowed.
    is_open = stage.hook == "forward" and stage.verdict == "undecided"
    return Fate(
        stage.hook,
        "allow" if is_open else stage.verdict,
        stage.reason,
        stage.tier,
        stage.policy if stage.reason == "rule" else "",
        stage.rule,
    )


def as_packet(family, fields):
    """The model's packet of values for the engine's fields."""
    flow = Flow.from_sample(family, fields)
    return Packet(
        src=_address(family, flow.src),
        dst=_address(family, flow.dst),
        protocol=flow.protocol,
        src_port=flow.src_port or 0,
        dst_port=flow.dst_port or 0,
        icmp=None if flow.icmp_type is None else (flow.icmp_type, flow.icmp_code),
    )


def is_native(family, fields):
    """Whether the packet is none that no network has, such as one of ICMP within IPv6.

    `protocol: ICMP` never matches such a one by the text; the kernel, and the model, do not ask.
    """
    return fields[Field.PROTOCOL] != _FOREIGN[family]


def _address(family, value):
    return ip_address(value.to_bytes(family.bits // 8, "big"))


def drawn(family, fields):
    """The engine's fields of a drawn packet."""
    kind, code = fields["icmp"]
    src, dst = (parse_ip(PEERS[family][fields[side]])[1] for side in ("src", "dst"))
    return {
        Field.PROTOCOL: fields["protocol"],
        Field.SRC_PORT: fields["src_port"],
        Field.DST_PORT: fields["dst_port"],
        Field.ICMP_TYPE: kind,
        Field.ICMP_CODE: code,
        Field.SRC: src,
        Field.DST: dst,
    }


def samples(parts):
    """A packet of each part's lower bound, and one that is in its upper bound alone."""
    for part in parts:
        for space in (part.space.must, part.space.may - part.space.must):
            if space:
                yield space.sample()
