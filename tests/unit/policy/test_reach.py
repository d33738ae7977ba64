"""Which flows get through: the sets, what decides them, and what is not known."""

from __future__ import annotations

import pytest

from service.net.headerspace import Field
from service.net.prefixes import Family
from service.policy.flow_query import FlowError
from service.policy.question import parse_question
from service.policy.reach import TooOpenError, reach
from service.policy.stages import Disposition
from service.policy.trace import trace
from tests.factories import make_gnp, make_ippool, make_pod
from tests.trace_factories import (
    CLIENT,
    EGRESS_ANY,
    POD_ON_W1,
    POD_ON_W2,
    allow,
    w1_hep,
    web,
    world,
)


def reached(where, **question):
    return reach(where, parse_question({"family": 4, **question}))


def told(answer):
    """Each part as disposition, causes and boxes."""
    return [
        (part.disposition.value, " / ".join(map(str, part.causes)), part.boxes())
        for part in answer.parts
    ]


def guarded(*objects):
    return world(w1_hep(), EGRESS_ANY, allow(9100), *objects)


def of(answer, disposition):
    return [one[1:] for one in told(answer) if one[0] == disposition]


def test_ports_of_a_node_fall_apart_by_what_decides_them():
    asked = {"from": CLIENT, "to": {"node": "w1"}, "protocol": "TCP"}
    answer = reached(guarded(), **asked)
    assert [
        ("failsafe", [{"port": ["22", "179", "2379-2380", "5473", "6443", "6666-6667"]}]),
        ("GlobalNetworkPolicy allow, ingress rule 0", [{"port": ["9100"]}]),
    ] == of(answer, "allowed")
    assert ["end of tier default"] == [cause for cause, _ in of(answer, "denied")]
    assert [] == of(answer, "unknown")


def test_headers_are_those_before_translation():
    rule = {"action": "Allow", "protocol": "TCP", "source": {"nets": ["203.0.113.0/24"]}}
    rule |= {"destination": {"ports": [8080]}}
    policy = make_gnp("pods", selector="has(app)", types=["Ingress"], ingress=[rule])
    backend = make_pod("a", ips="10.244.1.10", node="w1", labels={"app": "a"})
    where = world(*web(POD_ON_W1), policy, backend)
    answer = reached(where, **{"from": {"outside": True}, "to": {"node": "w1"}, "port": "30080"})
    assert (
        "GlobalNetworkPolicy pods, ingress rule 0",
        [{"protocol": ["TCP"], "from": ["203.0.113.0/24"]}],
    ) in of(answer, "allowed")
    assert ["end of tier default"] == [cause for cause, _ in of(answer, "denied")]


def test_pods_that_are_alike_are_told_together():
    policy = make_gnp(
        "shut", selector="app == 'db'", types=["Ingress"], ingress=[{"action": "Deny"}]
    )
    pods = [
        make_pod(f"{app}-{at}", ips=f"10.244.{at}.{host}", node=f"w{at}", labels={"app": app})
        for at in (1, 2)
        for host, app in ((10, "web"), (11, "db"))
    ]
    question = {"from": {"pod": "*"}, "to": {"pod": "*"}, "protocol": "TCP"}
    answer = reached(world(policy, *pods), **question)
    web, other_web = "10.244.1.10", "10.244.2.10"
    assert [
        (
            "GlobalNetworkPolicy shut, ingress rule 0",
            [
                {"to": ["10.244.1.11"], "from": [web, "10.244.2.10/31"]},
                {"to": ["10.244.2.11"], "from": ["10.244.1.10/31", other_web]},
            ],
        )
    ] == of(answer, "denied")
    assert [
        (
            "profile",
            [
                {"to": [web], "from": ["10.244.1.11", "10.244.2.10/31"]},
                {"to": [other_web], "from": ["10.244.1.10/31", "10.244.2.11"]},
            ],
        )
    ] == of(answer, "allowed")[1:]


def test_what_a_pod_sends_to_itself_meets_no_policy():
    policy = make_gnp("shut", selector="has(app)", types=["Ingress", "Egress"])
    pod = make_pod("a", ips="10.244.1.10", node="w1", labels={"app": "a"})
    question = {"from": {"pod": "*"}, "to": {"pod": "*"}, "protocol": "TCP"}
    answer = reached(world(policy, pod), **question)
    assert [("", [{}])] == of(answer, "allowed")
    assert [] == of(answer, "denied")


def test_what_backends_do_not_agree_on_is_not_known():
    policy = make_gnp(
        "shut", selector="app == 'b'", types=["Ingress"], ingress=[{"action": "Deny"}]
    )
    backends = (
        make_pod("a", ips="10.244.1.10", node="w1", labels={"app": "a"}),
        make_pod("b", ips="10.244.2.10", node="w2", labels={"app": "b"}),
    )
    where = world(*web(POD_ON_W1, POD_ON_W2), policy, *backends)
    question = {"from": {"node": "w1"}, "to": {"service": "default/web"}}
    [part] = reached(where, **question).parts
    assert "unknown" == part.disposition
    assert ("which backend kube-proxy picks",) == part.unknown
    assert ["GlobalNetworkPolicy shut, ingress rule 0"] == list(map(str, part.causes))


def test_what_nobody_can_resolve_widens_the_bounds():
    rule = {"action": "Deny", "source": {"selector": "app == 'gone'"}}
    where = guarded(make_gnp("maybe", types=["Ingress"], order=1, ingress=[rule]))
    answer = reached(where, **{"from": CLIENT, "to": {"node": "w1"}, "protocol": "TCP"})
    permitted = answer.permitted(Family.V4)
    assert ["22-22"] == [f"{lo}-{hi}" for lo, hi in permitted.must.project(Field.DST_PORT)][:1]
    assert 9100 not in permitted.must.project(Field.DST_PORT)
    assert 9100 in permitted.may.project(Field.DST_PORT)
    assert ['the addresses of pods that match app == "gone" are not known'] == sorted(
        {why for part in answer.parts for why in part.unknown}
    )


def test_pods_without_an_address_are_named():
    answer = reached(world(make_pod("a", node="")), **{"from": {"pod": "default/a"}})
    assert {("unknown", ("pod default/a has no address that is known",))} == {
        (part.disposition.value, part.unknown) for part in answer.parts
    }
    assert ("there is no pod default/b",) == reached(world(), to={"pod": "default/b"}).unresolved


def test_packets_for_a_virtual_address_enter_anywhere():
    answer = reached(world(*web(POD_ON_W1)), **{"from": CLIENT, "to": {"ip": "10.96.0.9"}})
    assert {"w1", "w2"} == {via.node for part in answer.parts for via in part.origin.vias}


@pytest.mark.parametrize(
    "question",
    [
        {"from": {"outside": True}, "to": {"node": "*"}},
        {"from": {"node": "*"}, "to": {"node": "*"}},
        {},
    ],
)
def test_a_witness_is_traced_to_the_disposition_of_its_part(question):
    where = guarded(*web(POD_ON_W1, POD_ON_W2), make_pod("a", ips="10.244.1.10"))
    parts = reached(where, **question).parts
    assert parts
    assert [] == [
        (part, trace(where, part.witness))
        for part in parts
        if trace(where, part.witness).disposition != part.disposition
    ]


def test_what_untracked_policy_accepts_is_not_told_of_conntrack():
    rule = {"action": "Allow", "protocol": "UDP"}
    untracked = make_gnp(
        "ut", doNotTrack=True, applyOnForward=True, types=["Ingress"], ingress=[rule]
    )
    asked = {"from": CLIENT, "to": {"node": "w1"}, "port": 9100, "established": True}
    answer = reached(world(w1_hep(), untracked), **asked)
    assert [
        ("GlobalNetworkPolicy ut, ingress rule 0", [{"protocol": ["UDP"]}]),
        ("established", [{"protocol": ["TCP", "SCTP"]}]),
    ] == of(answer, "allowed")


def test_a_rule_on_the_source_port_of_the_packet_that_carries_another_leaves_it_open():
    rule = {"action": "Deny", "protocol": "UDP", "source": {"ports": [40000]}}
    policy = make_gnp(
        "outer", types=["Egress"], doNotTrack=True, applyOnForward=True, egress=[rule]
    )
    pods = make_pod("a", ips="10.244.1.10"), make_pod("b", ips="10.244.2.10", node="w2")
    where = guarded(policy, make_ippool(vxlanMode="Always"), *pods)
    question = {
        "from": {"pod": "default/a"},
        "to": {"pod": "default/b"},
        "protocol": "UDP",
        "port": 53,
    }
    why = ("the verdict depends on the source port of the packet that carries it",)
    (part,) = reached(where, **question).parts
    assert (Disposition.UNKNOWN, why) == (part.disposition, part.unknown)
    found = trace(where, part.witness)
    assert (Disposition.UNKNOWN, why) == (found.disposition, found.unknown)


def test_the_same_question_has_the_same_answer():
    first, second = (
        reached(guarded(*web(POD_ON_W1)), to={"node": "w1"}).to_json() for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(
    ("question", "pointer"),
    [
        ({"from": {"ip": "x"}}, "/from/ip"),
        ({"from": [{"node": "a"}, {"pod": "b"}]}, "/from/1/pod"),
        ({"to": {"service": "web"}}, "/to/service"),
        ({"to": {"node": "a", "pod": "a/b"}}, "/to"),
        ({"from": {"service": "a/b"}}, "/from/service"),
        ({"to": {"ip": "::", "as": "clusterIP"}}, "/to/as"),
        ({"port": "90-80"}, "/port"),
        ({"port": 0}, "/port"),
        ({"protocol": "ICMP", "port": 80}, ""),
        ({"icmp": {"type": 256}}, "/icmp/type"),
        ({"family": 5}, "/family"),
        ({"when": 1}, "/when"),
    ],
)
def test_a_question_that_cannot_be_understood_is_pointed_at(question, pointer):
    with pytest.raises(FlowError) as raised:
        parse_question(question)
    assert pointer == raised.value.location.pointer


ADVICE = {
    "from": 'name the senders in "from"',
    "to": 'name the destinations in "to"',
    "port": 'bind "protocol" and "port"',
    "via": 'say in "via" where packets come in',
}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({}, ["from", "to", "port", "via"]),
        ({"from": {"node": "w1"}}, ["to", "port"]),
        ({"from": {"outside": True}, "to": {"ip": "10.96.0.9"}}, ["port", "via"]),
        ({"from": {"outside": True}, "via": {"node": "w1"}}, ["to", "port"]),
        ({"to": {"node": "w1"}, "protocol": "UDP"}, ["from"]),
    ],
)
def test_a_question_that_is_too_open_says_what_would_leave_less(question, expected):
    with pytest.raises(TooOpenError) as raised:
        reach(guarded(*web(POD_ON_W1)), parse_question({"family": 4, **question}), limit=1)
    assert expected == [name for name, advice in ADVICE.items() if advice in raised.value.detail]
