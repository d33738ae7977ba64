"""Why a rule did not match: the first of its criteria that the packet does not meet."""

from __future__ import annotations

import pytest

from service.policy.flow_query import parse_flow
from service.policy.stages import Detail
from service.policy.trace import trace
from tests.factories import (
    make_felix_configuration,
    make_global_network_set,
    make_gnp,
    make_pod,
    make_tier,
    raw,
)
from tests.trace_factories import TO_W1, w1_hep, world

IPTABLES = make_felix_configuration(nftablesMode="Disabled")
SERVICE = {"name": "web", "namespace": "default"}


def looks(*policies, **changed):
    """The rules that were looked at in the last stage, as text."""
    where = world(w1_hep(), IPTABLES, *policies)
    return rules(trace(where, parse_flow({**TO_W1, **changed}), Detail.RULES))


def rules(found):
    return [str(look) for look in found.stages[-1].looks if look.what == "rule"]


def everything(where, **changed):
    """All that was looked at in the last stage, as text."""
    found = trace(where, parse_flow({**TO_W1, **changed}), Detail.RULES)
    return [str(look) for look in found.stages[-1].looks]


def rule(**fields):
    return make_gnp("p", types=["Ingress"], ingress=[{"action": "Allow", **fields}])


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"protocol": "UDP"}, "protocol UDP"),
        ({"notProtocol": "TCP"}, "notProtocol TCP"),
        ({"protocol": "ICMP", "icmp": {"type": 8}}, "protocol ICMP"),
        ({"protocol": "ICMP", "notICMP": {"type": 8, "code": 0}}, "protocol ICMP"),
        ({"ipVersion": 6}, "it is not for IPv4: ipVersion or its nets"),
        ({"source": {"nets": ["2001:db8::/32"]}}, "it is not for IPv4: ipVersion or its nets"),
        (
            {"source": {"nets": ["10.0.0.0/8", "192.0.2.0/24"]}},
            "source.nets 10.0.0.0/8, 192.0.2.0/24",
        ),
        ({"source": {"notNets": ["203.0.113.0/24"]}}, "source.notNets 203.0.113.0/24"),
        ({"source": {"selector": "role == 'node'"}}, 'source.selector role == "node"'),
        (
            {"destination": {"notSelector": "role == 'node'"}},
            'destination.notSelector role == "node"',
        ),
        (
            {"protocol": "TCP", "destination": {"ports": [80, "443:444"]}},
            "destination.ports 80, 443:444",
        ),
        ({"protocol": "TCP", "destination": {"notPorts": [9100]}}, "destination.notPorts 9100"),
    ],
)
def test_the_criterion_that_is_not_met_is_named(fields, why):
    expected = [f"default/p rule 0 Allow, match no: {why}"]
    if "role" in why and "source" in why:
        expected = [f"default/p rule 0 Allow, match perhaps: {why}"]
    assert expected == looks(rule(**fields))


def test_an_icmp_type_is_a_criterion_of_its_own():
    ping = {"protocol": "ICMP", "icmp": {"type": 8, "code": 0}}
    for criterion, told in (("icmp", "icmp type 3 code 1"), ("notICMP", "notICMP type 8")):
        value = {"type": 3, "code": 1} if criterion == "icmp" else {"type": 8}
        found = trace(
            world(w1_hep(), IPTABLES, rule(protocol="ICMP", **{criterion: value})),
            parse_flow({"from": TO_W1["from"], "to": TO_W1["to"], **ping}),
            Detail.RULES,
        )
        assert [f"default/p rule 0 Allow, match no: {told}"] == rules(found)


def test_services_are_a_criterion():
    egress = {"action": "Allow", "destination": {"services": SERVICE}}
    policy = make_gnp("p", types=["Egress"], egress=[egress])
    out = {**TO_W1, "from": {"node": "w1"}, "to": {"ip": "198.51.100.7"}}
    found = trace(world(w1_hep(), policy), parse_flow(out), Detail.RULES)
    assert ["default/p rule 0 Allow, match perhaps: destination.services default/web"] == rules(
        found
    )


def test_criteria_that_are_met_one_by_one_may_not_be_met_together():
    allow = {"action": "Allow", "protocol": "TCP", "source": {"ports": ["1:2000"]}}
    policy = make_gnp("p", types=["Ingress"], ingress=[{**allow, "destination": {"ports": [9100]}}])
    found = trace(
        world(w1_hep(), policy),
        parse_flow({name: value for name, value in TO_W1.items() if name != "src_port"}),
        Detail.RULES,
    )
    assert ["default/p rule 0 Allow, match perhaps: source.ports 1:2000"] == rules(found)


def test_nothing_is_looked_at_after_the_rule_that_decides():
    rules = [{"action": "Log"}, {"action": "Allow"}, {"action": "Deny"}]
    policy = make_gnp("p", types=["Ingress"], ingress=rules)
    assert [
        "default/p rule 0 Log, match yes",
        "default/p rule 1 Allow, match yes",
    ] == looks(policy)


def test_a_pass_leaves_its_tier():
    first = make_gnp(
        "security.a", tier="security", types=["Ingress"], ingress=[{"action": "Pass"}], order=1
    )
    second = make_gnp(
        "security.b", tier="security", types=["Ingress"], ingress=[{"action": "Deny"}], order=2
    )
    last = make_gnp("p", types=["Ingress"], ingress=[{"action": "Allow"}])
    assert [
        "security/security.a rule 0 Pass, match yes",
        "default/p rule 0 Allow, match yes",
    ] == looks(make_tier("security", order=100), first, second, last)


def test_a_network_set_counts_as_a_selector():
    clients = make_global_network_set("clients", labels={"set": "yes"}, nets=["203.0.113.0/24"])
    assert ["default/p rule 0 Allow, match yes"] == looks(
        clients, rule(source={"selector": "set == 'yes' && !has(projectcalico.org/namespace)"})
    )


def test_what_felix_does_before_and_after_policies_is_looked_at_too():
    where = world(w1_hep(), rule(protocol="UDP"))
    assert [
        "failsafe ports Allow, match no: its port is on no list",
        "default/p rule 0 Allow, match no: protocol UDP",
        "end of tier default Deny, match yes",
    ] == everything(where)
    assert ["failsafe ports Allow, match yes"] == everything(where, port=22)


def test_a_failsafe_list_of_source_ports_may_hold_those_of_a_client():
    untracked = trace(world(w1_hep()), parse_flow({**TO_W1, "src_port": None}), Detail.RULES)
    expected = "failsafe ports Allow, match perhaps: some of its ports are on a list"
    assert expected == str(untracked.stages[0].looks[0])


def test_profiles_are_looked_at_where_no_tier_decides():
    passing = make_gnp("p", types=["Ingress"], ingress=[{"action": "Pass"}])
    where = world(w1_hep(profiles=["projectcalico-default-allow"]), passing)
    assert [
        "failsafe ports Allow, match no: its port is on no list",
        "default/p rule 0 Pass, match yes",
        "profile projectcalico-default-allow Allow, match yes",
    ] == everything(where)
    last = everything(world(w1_hep(), passing))[-1]
    assert "default-action Deny, match yes: no policy and no profile allows it" == last


def test_after_a_tier_that_ends_in_deny_nothing_is_looked_at():
    first = make_gnp("security.a", tier="security", types=["Ingress"], ingress=[])
    why = "it has no rule in this direction"
    assert [f"security/security.a no rule, match no: {why}"] == looks(
        make_tier("security", order=100), first, rule()
    )


def test_a_policy_is_told_with_its_kind_and_namespace():
    pods = (make_pod("a", ips="10.244.1.10"), make_pod("b", ips="10.244.1.11"))
    policy = raw(
        "NetworkPolicy",
        "shut",
        api_version="networking.k8s.io/v1",
        namespace="default",
        spec={"podSelector": {}, "policyTypes": ["Ingress"]},
    )
    flow = {**TO_W1, "from": {"pod": "default/a"}, "to": {"pod": "default/b"}}
    found = trace(world(policy, *pods), parse_flow(flow), Detail.RULES)
    told = [look for stage in found.stages for look in stage.looks if look.kind]
    assert [("Profile", "kns.default", None), ("NetworkPolicy", "default/shut", None)] == [
        (look.kind, look.policy, look.rule) for look in told
    ]


def test_the_rules_of_a_profile_are_looked_at_too():
    spec = {"ingress": [{"action": "Pass", "protocol": "UDP"}, {"action": "Allow"}]}
    where = world(
        raw("Profile", "own", spec=spec),
        w1_hep(profiles=["gone-before", "own"]),
        make_gnp("p", types=["Ingress"], ingress=[{"action": "Pass"}]),
    )
    assert "profile gone-before Deny, match yes: there is no such profile" == everything(where)[-1]
    where = world(
        raw("Profile", "own", spec=spec),
        w1_hep(profiles=["own"]),
        make_gnp("p", types=["Ingress"], ingress=[{"action": "Pass"}]),
    )
    assert everything(where)[-2:] == [
        "profile own rule 0 Pass, match no: protocol UDP",
        "profile own rule 1 Allow, match yes",
    ]
