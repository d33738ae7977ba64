"""What a policy means once it is read: types, tiers, rules, and what Felix makes of broken parts."""

from __future__ import annotations

import pytest

from service.model.kinds.global_network_policy import GlobalNetworkPolicy
from service.model.kinds.staged_global_network_policy import StagedGlobalNetworkPolicy
from service.model.meta import Layer
from service.model.rule import Action, EntityRule, Icmp, Port, Rule, ServiceMatch
from service.net.prefixes import parse_cidr
from tests.factories import V1, decode, make_gnp, make_network_policy, raw

RULES = [{"action": "Deny"}]


def decoded(**spec):
    return decode(raw("GlobalNetworkPolicy", spec=spec))


def layers(**spec):
    return [problem.layer for problem in decoded(**spec).problems]


def rule(**fields):
    return make_gnp(ingress=[{"action": "Deny", **fields}]).ingress[0]


def rule_layers(**fields):
    return layers(ingress=[{"action": "Deny", **fields}])


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        ({}, ("Ingress",)),
        ({"ingress": RULES}, ("Ingress",)),
        ({"egress": RULES}, ("Egress",)),
        ({"ingress": RULES, "egress": RULES}, ("Ingress", "Egress")),
        ({"ingress": [], "egress": RULES}, ("Ingress", "Egress")),
        ({"ingress": RULES, "egress": []}, ("Ingress", "Egress")),
        ({"egress": []}, ("Egress",)),
        ({"egress": None, "ingress": RULES}, ("Ingress",)),
    ],
)
def test_types_follow_from_the_fields_that_are_present(spec, types):
    policy = make_gnp(**spec)
    assert (types, False) == (policy.types, policy.types_given)


@pytest.mark.parametrize("spec", [{"egress": []}, {"ingress": [], "egress": RULES}])
def test_where_calicoctl_would_default_the_types_otherwise_the_default_says_so(spec):
    [source] = [one.source for one in decoded(**spec).defaults if one.pointer == "/spec/types"]
    assert "calicoctl and the aggregated API count rules instead" in source


def test_where_all_agree_on_the_types_the_default_is_plain():
    [source] = [one.source for one in decoded().defaults if one.pointer == "/spec/types"]
    assert "calicoctl" not in source


def test_types_that_are_given_are_no_default():
    policy = make_gnp(types=["Egress", "Ingress"])
    assert (("Ingress", "Egress"), True) == (policy.types, policy.types_given)


def test_a_v1_policy_without_types_applies_in_both_directions():
    one = decode(raw("GlobalNetworkPolicy", api_version=V1, spec={"ingress": RULES}))
    assert ("Ingress", "Egress") == one.obj.types
    assert any("Felix" in default.source for default in one.defaults)


def test_a_stored_policy_without_types_applies_in_both_directions():
    body = raw("GlobalNetworkPolicy", spec={"ingress": RULES})
    body["metadata"]["resourceVersion"] = "12"
    assert ("Ingress", "Egress") == decode(body).obj.types


def test_an_empty_tier_is_the_default_one():
    assert "default" == make_gnp(tier="").tier == make_gnp().tier


def test_a_rule_is_read_in_full():
    entity = {
        "nets": ["10.0.0.0/8"],
        "notNets": ["10.1.0.0/16"],
        "selector": "a == 'b'",
        "notSelector": "c == 'd'",
        "namespaceSelector": "global()",
        "ports": [80, "90:99", "http"],
        "notPorts": [443],
        "serviceAccounts": {"names": ["sa"], "selector": "x == 'y'"},
    }
    assert Rule(
        action=Action.DENY,
        ip_version=4,
        protocol=6,
        not_protocol=17,
        not_icmp=Icmp(8),
        source=EntityRule(
            nets=(parse_cidr("10.0.0.0/8"),),
            not_nets=(parse_cidr("10.1.0.0/16"),),
            selector="a == 'b'",
            not_selector="c == 'd'",
            namespace_selector="global()",
            ports=(Port(80, 80), Port(90, 99), Port(name="http")),
            not_ports=(Port(443, 443),),
            service_account_names=("sa",),
            service_account_selector="x == 'y'",
        ),
        pointer="/spec/ingress/0",
    ) == rule(ipVersion=4, protocol="TCP", notProtocol="UDP", notICMP={"type": 8}, source=entity)


def test_a_service_match_and_http_are_read():
    services = rule(source={"services": {"name": "s", "namespace": "n"}}).source.services
    assert ServiceMatch("s", "n") == services
    assert make_gnp(ingress=[{"action": "Allow", "http": {"methods": ["GET"]}}]).ingress[0].http


@pytest.mark.parametrize(
    ("text", "number"),
    [("TCP", 6), ("tcp", 6), ("17", 17), (6, 6), ("UDPLite", 136), ("ICMPv6", 58)],
)
def test_a_protocol_is_its_number(text, number):
    assert number == rule(protocol=text).protocol


@pytest.mark.parametrize("value", [True, 1.5, [], {}])
def test_a_protocol_of_another_type_does_not_decode(value):
    assert {Layer.SCHEMA, Layer.DECODE} == set(rule_layers(protocol=value))


@pytest.mark.parametrize("value", [True, 1.5, [], {}, None])
def test_a_port_of_another_type_does_not_decode(value):
    found = set(rule_layers(protocol="TCP", destination={"ports": [value]}))
    assert {Layer.SCHEMA, Layer.DECODE} == found


@pytest.mark.parametrize("text", ["9" * 5000, f"1:{'9' * 5000}", "70000", "1:70000", "a b", "ü"])
def test_a_port_text_that_calico_cannot_parse_does_not_decode(text):
    found = rule_layers(protocol="TCP", destination={"ports": [text]})
    assert [Layer.DECODE] == found


@pytest.mark.parametrize("name", ["a" * 16, "80a-", "-a", "a--b", "HTTP", "a.b", "123-456"])
def test_a_port_name_that_is_none_of_kubernetes_voids_the_policy(name):
    found = rule_layers(protocol="TCP", destination={"ports": [name]})
    assert [Layer.VALIDATOR, Layer.FELIX] == found


def test_a_range_written_with_a_dash_is_told_how_to_write_it():
    one = decoded(ingress=[{"action": "Deny", "protocol": "TCP", "source": {"ports": ["80-90"]}}])
    assert 'a range is written "80:90"' == one.problems[0].hint


def test_ports_without_a_protocol_tell_what_to_add():
    one = decoded(ingress=[{"action": "Deny", "destination": {"ports": [30080]}}])
    assert "add protocol: TCP to the rule" == one.problems[0].hint


@pytest.mark.parametrize("protocol", ["ICMP", 253])
def test_even_named_ports_need_a_protocol_that_has_ports(protocol):
    found = rule_layers(protocol=protocol, destination={"ports": ["http"]})
    assert [Layer.VALIDATOR, Layer.FELIX] == found


def test_nets_that_felix_skips_are_left_out():
    one = decoded(ingress=[{"action": "Deny", "source": {"nets": ["banana", "10.0.0.5/8"]}}])
    assert (parse_cidr("10.0.0.0/8"),) == one.obj.ingress[0].source.nets
    assert [Layer.VALIDATOR, Layer.RUNTIME, Layer.VALIDATOR] == [p.layer for p in one.problems]


def test_a_list_without_a_legible_net_is_told_to_match_everything():
    one = decoded(ingress=[{"action": "Deny", "source": {"nets": ["banana"]}}])
    assert () == one.obj.ingress[0].source.nets
    assert any("as if there were no nets" in problem.message for problem in one.problems)


def test_a_bare_address_in_a_rule_is_one_to_felix():
    assert (parse_cidr("10.0.0.5/32"),) == rule(source={"nets": ["10.0.0.5"]}).source.nets


@pytest.mark.parametrize("key", ["namespaceSelector", "serviceAccountSelector"])
def test_a_rewritten_selector_that_does_not_parse_broadens_the_policy(key):
    one = decoded(**{key: "a ="})
    assert [Layer.VALIDATOR, Layer.RUNTIME] == [problem.layer for problem in one.problems]
    assert ("", "", True) == (
        one.obj.namespace_selector,
        one.obj.service_account_selector,
        one.in_effect,
    )


def test_a_selector_that_does_not_parse_voids_the_policy():
    one = decoded(selector="role = 'node'")
    assert ("drops", False) == (one.felix_verdict, one.in_effect)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("role == 'node'\n", "it ends in a newline"),
        ("role ==\u00a0'node'", "it holds a non-breaking space (U+00A0)"),
        ("a" * 100 + " =", ""),
    ],
)
def test_a_selector_that_does_not_parse_tells_the_likely_cause(text, hint):
    problem = decoded(selector=text).problems[0]
    assert problem.hint.startswith(hint)
    assert len(problem.message) < 200


@pytest.mark.parametrize("key", ["icmp", "notICMP"])
def test_icmp_with_type_and_code_breaks_nftables(key):
    assert [Layer.DATAPLANE] == rule_layers(protocol="ICMP", **{key: {"type": 8, "code": 0}})


def test_services_with_a_protocol_without_ports_breaks_nftables():
    egress = [
        {
            "action": "Deny",
            "protocol": 253,
            "destination": {"services": {"name": "s", "namespace": "n"}},
        }
    ]
    assert [Layer.DATAPLANE] == layers(egress=egress)


@pytest.mark.parametrize(("key", "value"), [("type", -1), ("type", 255), ("code", 256)])
def test_icmp_numbers_have_their_limits(key, value):
    icmp = {"type": 8, key: value}
    found = [one for one in rule_layers(protocol="ICMP", icmp=icmp) if one is not Layer.DATAPLANE]
    assert [Layer.SCHEMA, Layer.VALIDATOR, Layer.FELIX] == found


@pytest.mark.parametrize(
    ("side", "count", "limit_exceeded"),
    [("nets", 256, False), ("nets", 257, True), ("ports", 50, False), ("ports", 51, True)],
)
def test_lists_have_their_limits(side, count, limit_exceeded):
    values = ["10.0.0.0/8"] * count if side == "nets" else [80] * count
    found = rule_layers(protocol="TCP", source={side: values})
    assert ([Layer.SCHEMA] if limit_exceeded else []) == found


def test_a_policy_has_at_most_1024_rules_a_direction():
    assert [Layer.SCHEMA] == layers(ingress=[{"action": "Log"}] * 1025)


@pytest.mark.parametrize(
    ("http", "expected"),
    [
        ({"methods": ["GET", "GET"]}, [Layer.VALIDATOR]),
        ({"paths": [{"exact": "/a", "prefix": "/b"}]}, [Layer.VALIDATOR]),
        ({"paths": [{}]}, [Layer.VALIDATOR]),
        ({"paths": [{"prefix": "/b"}]}, []),
    ],
)
def test_http_matches_are_validated_by_calico_only(http, expected):
    assert expected == layers(ingress=[{"action": "Allow", "protocol": "TCP", "http": http}])


def test_a_namespaced_policy_is_read_with_its_namespace():
    policy = make_network_policy("a", namespace="web", ingress=RULES, order=3)
    assert ("web", 3.0, 1) == (policy.meta.ref.namespace, policy.order, len(policy.ingress))


def test_a_staged_policy_carries_the_policy_and_what_would_be_done_with_it():
    staged = decode(raw("StagedGlobalNetworkPolicy", spec={"order": 5})).obj
    assert isinstance(staged, StagedGlobalNetworkPolicy)
    assert isinstance(staged.policy, GlobalNetworkPolicy)
    assert ("Set", 5.0, "x") == (staged.action, staged.policy.order, staged.meta.ref.name)


@pytest.mark.parametrize(
    ("port", "text"), [(Port(80, 80), "80"), (Port(1, 9), "1:9"), (Port(name="http"), "http")]
)
def test_a_port_prints_as_it_is_written(port, text):
    assert text == str(port)
