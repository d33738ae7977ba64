"""How the answer to a question is told: JSON for programs, lines for people."""

from __future__ import annotations

import pytest

from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.cause import Cause, Direction, Hook, Reason
from service.policy.flow_query import Via
from service.policy.question import parse_question
from service.policy.reach import reach
from service.policy.reached import Origin, boxes, boxes_text, cause_json, cause_text
from service.policy.senders import SenderKind
from tests.factories import decode, make_pod, make_service, raw
from tests.trace_factories import CLIENT, EGRESS_ANY, POD_ON_W1, allow, w1_hep, web, world


def reached(where, **question):
    return reach(where, parse_question({"family": 4, **question}))


def numbers(*ends):
    return IntervalSet.of(*ends)


def tcp(family=Family.V4, **fields):
    own = {Field[name.upper()]: values for name, values in fields.items()}
    return HeaderSpace.box(family, {Field.PROTOCOL: numbers((6, 6)), **own})


def test_an_answer_is_told_to_programs_whole():
    where = world(w1_hep(), EGRESS_ANY, allow(9100))
    asked = {"from": CLIENT, "to": {"ip": "10.0.0.11"}, "protocol": "TCP", "port": [9100, 9101]}
    answer = reached(where, **asked)
    rule = {
        "reason": "rule",
        "hook": "normal",
        "direction": "ingress",
        "tier": "default",
        "policy": "GlobalNetworkPolicy allow",
        "rule": 0,
        "location": "test.yaml /spec/ingress/0",
        "note": "",
    }
    end = {**rule, "reason": "end-of-tier", "rule": None, "location": "test.yaml"}

    def part(disposition, port, cause):
        return {
            "disposition": disposition,
            "family": 4,
            "origin": {"kind": "outside"},
            "flows": [{"port": [str(port)]}],
            "causes": [cause],
            "unknown": [],
            "witness": {
                "from": CLIENT,
                "to": {"ip": "10.0.0.11"},
                "protocol": "TCP",
                "family": 4,
                "port": port,
                "src_port": 40000,
                "established": False,
            },
        }

    told = answer.to_json()
    assert ({"family": 4, **asked}, []) == (told["question"], told["unresolved"])
    assert [part("allowed", 9100, rule), part("denied", 9101, end)] == told["parts"]


def test_an_answer_is_told_to_people_line_by_line():
    where = world(w1_hep(), EGRESS_ANY, allow(9100))
    asked = {"from": CLIENT, "to": [{"node": "w1"}, {"pod": "default/gone"}], "protocol": "TCP"}
    text = reached(where, **asked, port=[9100, 9101]).to_text()
    expected = """\
allowed, IPv4 from outside: GlobalNetworkPolicy allow, ingress rule 0 at normal ingress
    any any -> any port 9100
denied, IPv4 from outside: end of tier default at normal ingress
    any any -> any port 9101
unknown: there is no pod default/gone"""
    assert expected == text


def test_what_is_not_known_is_told_below_its_part():
    pod = make_pod("a", node="")
    text = reached(world(pod), **{"from": {"pod": "default/a"}, "to": {"node": "w1"}}).to_text()
    assert text.endswith("\n    unknown: pod default/a has no address that is known")
    assert ": nothing that is known\n" in text


@pytest.mark.parametrize(
    ("origin", "expected", "text"),
    [
        (Origin(SenderKind.POD), {"kind": "pod"}, "pod"),
        (
            Origin(SenderKind.OUTSIDE, (Via("w1", "eth0"), Via("w2", ""))),
            {"kind": "outside", "via": [{"node": "w1", "interface": "eth0"}, {"node": "w2"}]},
            "outside via w1 eth0, w2",
        ),
        (
            Origin(SenderKind.NODE, nodes=("w1", "w2")),
            {"kind": "node", "nodes": ["w1", "w2"]},
            "node w1, w2",
        ),
    ],
)
def test_an_origin_is_told_by_what_is_known_of_it(origin, expected, text):
    assert (expected, text) == (origin.to_json(), str(origin))


@pytest.mark.parametrize(
    ("reason", "note", "expected"),
    [
        (Reason.RULE, "", "GlobalNetworkPolicy p, egress rule 2 at forward egress"),
        (Reason.RULE, "aside", "GlobalNetworkPolicy p, egress rule 2 at forward egress"),
        (Reason.END_OF_TIER, "aside", "end of tier t at forward egress"),
        (Reason.FAILSAFE, "", "failsafe at forward egress"),
        (Reason.DEFAULT_ACTION, "why", "why at forward egress"),
    ],
)
def test_a_cause_is_told_with_its_hook(reason, note, expected):
    policy = decode(raw("GlobalNetworkPolicy", "p")).ref
    cause = Cause(
        reason, Hook.FORWARD, Direction.EGRESS, tier="t", policy=policy, rule=2, note=note
    )
    assert expected == cause_text(cause)
    assert (reason.value, "egress", "t", note) == tuple(
        cause_json(cause)[name] for name in ("reason", "direction", "tier", "note")
    )


def test_boxes_name_what_is_not_open_anyway_with_alike_protocols_together():
    asked = HeaderSpace.box(
        Family.V4,
        {Field.PROTOCOL: numbers((6, 6), (17, 17), (132, 132)), Field.DST_PORT: numbers((1, 99))},
    )
    space = asked.restrict(Field.PROTOCOL, numbers((6, 6), (132, 132))).restrict(
        Field.DST_PORT, numbers((1, 1), (7, 9))
    )
    assert [{"protocol": ["TCP", "SCTP"], "port": ["1", "7-9"]}] == [*boxes(space, asked)]
    assert [{}] == [*boxes(asked, asked)]


def test_addresses_are_told_as_networks():
    asked = tcp()
    space = tcp(src=numbers((0, 2**31 - 1)), dst=numbers((1, 1)))
    expected = [{"from": ["0.0.0.0/1"], "to": ["0.0.0.1"]}]
    assert expected == [{name: one[name] for name in ("from", "to")} for one in boxes(space, asked)]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, "any any -> any port 2"),
        (6, "any any -> any port 2, 4, 6, 8, 10, 12"),
        (7, "any any -> any port 2, 4, 6, 8, 10, 12 and 1 more"),
    ],
)
def test_six_values_are_told_to_people(count, expected):
    ports = numbers(*((2 * n, 2 * n) for n in range(1, count + 1)))
    assert [expected] == [*boxes_text(tcp(dst_port=ports), tcp())]


def test_every_field_has_its_words():
    icmp = HeaderSpace.box(Family.V4, {Field.PROTOCOL: numbers((1, 1))})
    space = icmp.restrict(Field.ICMP_TYPE, numbers((8, 8))).restrict(
        Field.ICMP_CODE, numbers((0, 0))
    )
    assert ["any any -> any ICMP type 8 ICMP code 0"] == [*boxes_text(space, icmp)]
    space = tcp(src=numbers((1, 1)), dst=numbers((2, 2)), src_port=numbers((9, 9)))
    assert ["any 0.0.0.1 -> 0.0.0.2 source port 9"] == [*boxes_text(space, tcp())]


@pytest.mark.parametrize(("ends", "expected"), [((2, 7), 6), ((2, 8), 1)])
def test_protocols_are_told_by_name_where_few_stand_together(ends, expected):
    everything = HeaderSpace.everything(Family.V4)
    [box] = boxes(everything.restrict(Field.PROTOCOL, numbers(ends)), everything)
    assert expected == len(box["protocol"])
    assert ("2-8" in box["protocol"]) is (expected == 1)


TWO_PORTS = make_service(
    "web",
    clusterIP="10.96.0.9",
    clusterIPs=["10.96.0.9"],
    ports=[
        {"name": "a", "port": 80, "nodePort": 30080},
        {"name": "b", "port": 53, "protocol": "UDP", "nodePort": 30053},
        {"name": "c", "port": 30080, "protocol": "UDP"},
    ],
)


def asked_of(where, **question):
    """All packets of the answer, by protocol and port, and what has no address."""
    answer = reached(where, **question)
    spaces = [part.space for part in answer.parts]
    found = HeaderSpace.union_all(Family.V4, spaces)
    ports = {
        protocol: [
            *found.restrict(Field.PROTOCOL, numbers((number, number))).project(Field.DST_PORT)
        ]
        for protocol, number in (("TCP", 6), ("UDP", 17))
    }
    return ports, [*answer.unresolved]


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        (30080, {"TCP": [(30080, 30080)], "UDP": []}),
        (80, {"TCP": [(30080, 30080)], "UDP": []}),
        (53, {"TCP": [], "UDP": [(30053, 30053)]}),
        ([80, 53], {"TCP": [(30080, 30080)], "UDP": [(30053, 30053)]}),
    ],
)
def test_a_service_is_asked_for_at_its_node_ports_by_either_number(port, expected):
    where = world(TWO_PORTS, web(POD_ON_W1)[1])
    question = {"from": CLIENT, "to": {"service": "default/web", "as": "nodePort"}}
    assert (expected, []) == asked_of(where, **question, port=port)


def test_a_service_without_such_a_node_port_is_named():
    where = world(TWO_PORTS, web(POD_ON_W1)[1])
    question = {"from": CLIENT, "to": {"service": "default/web", "as": "nodePort"}}
    why = ["Service default/web has no node port for such packets"]
    assert ({"TCP": [], "UDP": []}, why) == asked_of(where, **question, port=81)


@pytest.mark.parametrize(
    ("access", "why"),
    [
        ("loadBalancer", "Service default/web has no loadBalancer that is known"),
        ("externalIP", "Service default/web has no externalIP that is known"),
    ],
)
def test_a_service_without_such_an_address_is_named(access, why):
    question = {"from": CLIENT, "to": {"service": "default/web", "as": access}}
    assert [why] == asked_of(world(TWO_PORTS), **question)[1]
    gone = {"from": CLIENT, "to": {"service": "default/gone"}}
    assert ["there is no Service default/gone"] == asked_of(world(), **gone)[1]


def test_a_service_is_asked_for_at_its_own_ports_where_none_is_named():
    question = {"from": CLIENT, "to": {"service": "default/web"}}
    expected = {"TCP": [(80, 80)], "UDP": [(53, 53), (30080, 30080)]}
    assert (expected, []) == asked_of(world(TWO_PORTS, web(POD_ON_W1)[1]), **question)
    at_81 = {"TCP": [(81, 81)], "UDP": [(81, 81)]}
    assert (at_81, []) == asked_of(world(TWO_PORTS), **question, port=81)
