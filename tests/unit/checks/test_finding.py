from __future__ import annotations

from service.checks.finding import rule_json, to_json, witness_json
from service.checks.verdict import Fix, Result, Severity, Verdict, Witness
from service.errors import SourceLocation
from service.model.refs import ObjectRef
from service.net.flow import Flow
from service.net.prefixes import Family
from service.policy.cause import Cause, Direction, Hook, Reason

SUBJECT = ObjectRef("", "Service", "shop", "web")
TCP = Flow(
    family=Family.V4, protocol=6, src=0xCB007109, dst=0x0A00000B, src_port=40000, dst_port=30080
)
PING = Flow(family=Family.V4, protocol=1, src=1, dst=2, icmp_type=8, icmp_code=0)
CAUSE = Cause(Reason.FAILSAFE, Hook.PRE_DNAT, Direction.INGRESS)


def verdict(**fields):
    return Verdict("check", SUBJECT, Result.FAIL, Severity.HIGH, "reason", "message", **fields)


def test_a_finding_is_known_again_by_what_it_is_about_and_not_by_its_line():
    fingerprints = {
        verdict(key=key, location=SourceLocation("a.yaml", line=line)).fingerprint
        for key, line in ((("TCP 1",), 1), (("TCP 1",), 2), (("TCP 2",), 1))
    }
    assert 2 == len(fingerprints)


def test_a_bare_verdict_has_empty_proof():
    told = to_json(verdict())
    assert (None, None, None, [], []) == tuple(
        told[name] for name in ("location", "witness", "fix", "rules", "unknown")
    )


def test_the_place_the_rules_and_the_fix_are_told():
    told = to_json(
        verdict(
            location=SourceLocation("a.yaml", line=3, pointer="/spec"),
            causes=(CAUSE,),
            fix=Fix("add", "kind: X"),
        )
    )
    assert ({"file": "a.yaml", "line": 3, "pointer": "/spec"}, [rule_json(CAUSE)], "add") == (
        told["location"],
        told["rules"],
        told["fix"]["summary"],
    )


def test_a_witness_is_a_flow_that_can_be_traced():
    told = witness_json(Witness(TCP, node="w1", interface="eth0"))
    assert {
        "from": {"ip": "203.0.113.9"},
        "to": {"ip": "10.0.0.11"},
        "protocol": "TCP",
        "family": 4,
        "port": 30080,
        "src_port": 40000,
        "via": {"node": "w1", "interface": "eth0"},
    } == told["flow"]


def test_a_witness_from_a_node_to_an_address_that_nobody_knows_names_both():
    told = witness_json(Witness(TCP, node="w1", sender="w2", dst_known=False))
    assert ({"node": "w2"}, {"node": "w1"}) == (told["flow"]["from"], told["flow"]["to"])


def test_a_witness_without_ports_has_its_icmp_type():
    assert {"type": 8, "code": 0} == witness_json(Witness(PING))["flow"]["icmp"]


def test_the_words_for_a_witness_say_where_it_enters():
    texts = [
        str(Witness(TCP, node=node, interface=name))
        for node, name in (("", ""), ("w1", ""), ("w1", "eth0"))
    ]
    assert ["10.0.0.11:30080", "via w1", "via w1 eth0"] == [
        text.split("-> ")[-1] if "via" not in text else text[text.index("via") :] for text in texts
    ]


def test_severities_are_ordered():
    assert [True, False] == [
        Severity.HIGH.at_least(Severity.MEDIUM),
        Severity.LOW.at_least(Severity.MEDIUM),
    ]
