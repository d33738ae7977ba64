"""What sees a node port and a process of the host where Felix runs eBPF programs."""

from __future__ import annotations

import pytest

from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, parse_ip
from service.policy.cause import Decision, Reason
from service.policy.entries import entries
from service.policy.profile import ClusterProfile, Dataplane
from tests.factories import make_felix_configuration, make_gnp, make_hep, make_prednat
from tests.trace_factories import W1, answer, w1_hep, world

PROFILE = ClusterProfile(dataplane=Dataplane.BPF)
DENY = make_prednat("deny", ingress=[{"action": "Deny"}])
OPEN = {"profiles": ["projectcalico-default-allow"]}
SURE, PERHAPS = "surely", "perhaps"


def wildcard(**spec):
    return make_hep("w1-all", labels={"all": "yes"}, interfaceName="*", expectedIPs=[W1], **spec)


def ebpf(*objects, interface="eth0"):
    return world(*objects, interfaces={interface: [f"{W1}/24"]}, profile=PROFILE)


def fates(way, where, *, port):
    """How packets of a stranger to, or of, a port of w1 may end, and which are sure."""
    entry = entries(where, "w1", Family.V4)[0]
    peer, own = parse_ip("203.0.113.9")[1], parse_ip(W1)[1]
    src, dst = (own, peer) if way == "from_host" else (peer, own)
    fields = {
        Field.PROTOCOL: IntervalSet.single(6),
        Field.SRC: IntervalSet.single(src),
        Field.DST: IntervalSet.single(dst),
        Field.SRC_PORT: IntervalSet.single(40000),
        Field.DST_PORT: IntervalSet.single(port),
    }
    found = getattr(entry.gate, way)(where, Bounds.exact(HeaderSpace.box(Family.V4, fields)))
    return {one: SURE if found.must(one) else PERHAPS for one in Decision if found.may(one)}


WORLDS = {
    "a deny": ebpf(w1_hep(), DENY),
    "no policy": ebpf(w1_hep()),
    "a profile": ebpf(w1_hep(**OPEN)),
    "an allow": ebpf(w1_hep(), make_prednat("open", ingress=[{"action": "Allow"}])),
    "a deny of *": ebpf(
        w1_hep(**OPEN),
        wildcard(),
        make_prednat("deny", selector="has(all)", ingress=[{"action": "Deny"}]),
    ),
    "normal policy": ebpf(w1_hep(), make_gnp("deny", ingress=[{"action": "Deny"}])),
    "no program": ebpf(make_hep("w1-br0", interfaceName="br0", expectedIPs=[W1]), interface="br0"),
}


@pytest.mark.parametrize("where", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("port", [22, 9100, 30080])
def test_a_process_of_the_host_is_judged_as_its_trace_is(where, port):
    passes = answer(where, to={"ip": W1}, port=port).disposition == "allowed"
    found = fates("to_host", where, port=port)
    assert ({SURE}, passes) == (set(found.values()), Decision.DENY not in found)


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ((w1_hep(), DENY), {Decision.DENY: SURE}),
        ((w1_hep(),), {Decision.UNDECIDED: SURE}),
        ((wildcard(), DENY), {Decision.DENY: PERHAPS, Decision.UNDECIDED: PERHAPS}),
        ((wildcard(),), {Decision.UNDECIDED: SURE}),
    ],
)
@pytest.mark.parametrize("port", [22, 30080])
def test_a_node_port_is_left_to_pre_dnat_policy_failsafe_or_not(objects, expected, port):
    assert expected == fates("guard", ebpf(*objects), port=port)


def test_an_endpoint_of_every_interface_denies_where_a_program_stands():
    closed = ebpf(wildcard(), DENY)
    expected = {Decision.ALLOW: PERHAPS, Decision.DENY: PERHAPS}
    assert expected == {
        one: how
        for one, how in fates("to_host", closed, port=9100).items()
        if one is not Decision.UNDECIDED
    }
    assert {Decision.ALLOW: SURE} == fates("to_host", closed, port=6443)
    assert {Decision.ALLOW: SURE} == fates("to_host", ebpf(wildcard(**OPEN)), port=9100)


def test_what_a_host_sends_passes_by_failsafes_first():
    closed = ebpf(w1_hep())
    assert {Decision.ALLOW: SURE} == fates("from_host", closed, port=6443)
    assert {Decision.DENY: SURE} == fates("from_host", closed, port=443)


def test_a_pattern_of_interfaces_that_nobody_can_read_leaves_what_is_denied_unknown():
    broken = make_felix_configuration(bpfDataIfacePattern="(")
    expected = {Decision.DENY: PERHAPS, Decision.UNDECIDED: PERHAPS}
    assert expected == fates("guard", ebpf(w1_hep(), DENY, broken), port=30080)


def test_the_failsafe_is_named_as_what_lets_by():
    where = ebpf(w1_hep(), DENY)
    entry = entries(where, "w1", Family.V4)[0]
    live = Bounds.exact(
        HeaderSpace.box(
            Family.V4,
            {Field.PROTOCOL: IntervalSet.single(6), Field.DST_PORT: IntervalSet.single(22)},
        )
    )
    found = entry.gate.to_host(where, live)
    assert [Reason.FAILSAFE] == [one.cause.reason for one in found.parts]
