from __future__ import annotations

from dataclasses import replace

import pytest

from service.policy.cause import Direction, Hook
from service.policy.convert import global_policy, namespaced_policy
from tests.factories import make_gnp, make_network_policy, make_prednat


def converted(**spec):
    return global_policy(make_gnp(**spec))


def rule(**fields):
    return converted(ingress=[{"action": "Allow", **fields}]).ingress[0]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, None),
        ({"selector": "role == 'node'"}, 'role == "node"'),
        ({"namespaceSelector": "env == 'x'"}, 'pcns.env == "x"'),
        (
            {"selector": "all()", "namespaceSelector": "has(env)"},
            "(has(projectcalico.org/namespace) && has(pcns.env))",
        ),
        ({"serviceAccountSelector": "all()"}, "has(projectcalico.org/serviceaccount)"),
        (
            {"selector": "has(a)", "serviceAccountSelector": "b == 'c'"},
            '(has(a) && pcsa.b == "c")',
        ),
        ({"namespaceSelector": "broken ="}, None),
    ],
)
def test_a_policy_selects_by_one_selector_made_of_three(spec, expected):
    selector = converted(**spec).applies_to
    assert expected == (selector and selector.canonical())


@pytest.mark.parametrize(
    ("spec", "hook"),
    [
        ({}, Hook.NORMAL),
        ({"preDNAT": True, "applyOnForward": True}, Hook.PRE_DNAT),
        ({"doNotTrack": True, "applyOnForward": True}, Hook.UNTRACKED),
    ],
)
def test_the_flags_tell_the_category(spec, hook):
    assert hook is converted(**spec).hook


def test_a_policy_without_a_tier_is_in_the_default_one():
    assert "default" == converted().tier


def test_rules_of_a_direction_that_types_leaves_out_are_inert():
    policy = converted(types=["Egress"], ingress=[{"action": "Deny"}])
    assert () == policy.rules(Direction.INGRESS)


def test_a_policy_counts_in_a_direction_even_without_a_rule_there():
    assert converted(types=["Egress"]).governs(Hook.NORMAL, Direction.EGRESS)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, False),
        ({"applyOnForward": True}, True),
        ({"preDNAT": True, "applyOnForward": True}, False),
    ],
)
def test_only_normal_policies_that_apply_on_forward_judge_forwarded_packets(spec, expected):
    assert expected is converted(**spec).governs(Hook.FORWARD, Direction.INGRESS)


def test_a_policy_without_a_selector_selects_every_endpoint():
    assert converted().selects({})


@pytest.mark.parametrize(
    ("source", "positive", "negative"),
    [
        ({}, None, None),
        ({"selector": "a == 'b'"}, 'a == "b"', None),
        ({"notSelector": "a == 'b'"}, None, 'a == "b"'),
        ({"selector": "has(a)", "notSelector": "has(b)"}, "(has(a) && !has(b))", None),
        ({"namespaceSelector": "global()"}, "!has(projectcalico.org/namespace)", None),
        ({"namespaceSelector": "all()"}, "has(projectcalico.org/namespace)", None),
        (
            {"namespaceSelector": "has(env)", "selector": "has(a)"},
            "(has(pcns.env) && has(a))",
            None,
        ),
        ({"namespaceSelector": "broken ="}, None, None),
        (
            {"serviceAccounts": {"names": ["x"]}},
            'projectcalico.org/serviceaccount in {"x"}',
            None,
        ),
        ({"serviceAccounts": {"selector": "has(t)"}}, "has(pcsa.t)", None),
        (
            {"serviceAccounts": {"names": ["x"], "selector": "has(t)"}},
            '(has(pcsa.t) && projectcalico.org/serviceaccount in {"x"})',
            None,
        ),
    ],
)
def test_the_selectors_of_an_entity_become_one_positive_or_negative_one(source, positive, negative):
    entity = rule(source=source).source
    assert (positive, negative) == (
        entity.positive and entity.positive.canonical(),
        entity.negative and entity.negative.canonical(),
    )


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ({}, False),
        ({"ports": [80]}, False),
        ({"ports": ["web"]}, True),
        ({"selector": "has(a)"}, True),
        ({"nets": ["10.0.0.0/8"]}, True),
    ],
)
def test_a_rule_knows_whether_it_asks_where_packets_go(destination, expected):
    assert expected is rule(protocol="TCP", destination=destination).tests_destination


def test_a_rule_without_exceptions_has_no_form_without_them():
    assert rule(source={"nets": ["10.0.0.0/8"]}).without_exceptions is None


def test_the_exceptions_of_a_rule_are_left_out_of_its_other_form():
    whole = rule(source={"nets": ["10.0.0.0/8"], "notNets": ["10.1.0.0/16"]}).without_exceptions
    assert ((), 1) == (whole.rule.source.not_nets, len(whole.rule.source.nets))


def test_a_namespace_selector_that_does_not_parse_is_none():
    """The decoder blanks it, and says so; conversion, like Felix's, does not rest on that."""
    gnp = replace(make_gnp(selector="has(a)"), namespace_selector="broken =")
    assert "has(a)" == global_policy(gnp).applies_to.canonical()


def test_a_namespace_selector_of_a_rule_that_does_not_parse_is_none():
    gnp = make_gnp(ingress=[{"action": "Deny", "source": {"selector": "has(a)"}}])
    source = replace(gnp.ingress[0].source, namespace_selector="broken =")
    broken = replace(gnp, ingress=(replace(gnp.ingress[0], source=source),))
    assert "has(a)" == global_policy(broken).ingress[0].source.positive.canonical()


def test_a_prednat_policy_has_no_egress():
    assert () == global_policy(make_prednat()).rules(Direction.EGRESS)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, 'projectcalico.org/namespace == "a"'),
        ({"selector": "has(b)"}, '(has(b) && projectcalico.org/namespace == "a")'),
        (
            {"serviceAccountSelector": "c == 'd'"},
            '(projectcalico.org/namespace == "a" && pcsa.c == "d")',
        ),
    ],
)
def test_a_namespaced_policy_selects_in_its_namespace_alone(spec, expected):
    policy = namespaced_policy(make_network_policy(namespace="a", **spec))
    assert expected == policy.applies_to.canonical()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"nets": ["10.0.0.0/8"]}, None),
        ({"selector": "has(b)"}, '(projectcalico.org/namespace == "a" && has(b))'),
        (
            {"selector": "has(b)", "namespaceSelector": "global()"},
            "(!has(projectcalico.org/namespace) && has(b))",
        ),
    ],
)
def test_a_selector_in_a_namespaced_rule_means_its_namespace_unless_it_names_others(
    source, expected
):
    written = make_network_policy(namespace="a", ingress=[{"action": "Allow", "source": source}])
    positive = namespaced_policy(written).ingress[0].source.positive
    assert expected == (positive and positive.canonical())
