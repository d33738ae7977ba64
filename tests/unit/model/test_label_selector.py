"""Kubernetes label selectors in Calico's terms."""

from __future__ import annotations

import pytest

from service.model.label_selector import LabelSelector, Requirement
from service.model.meta import Layer
from service.model.selector import parse
from tests.factories import decode, make_knp, raw


def read(**selector):
    return make_knp(podSelector=selector).pod_selector


def expression(key="app", operator="In", **values):
    return {"matchExpressions": [{"key": key, "operator": operator, **values}]}


def problems(**selector):
    body = raw("NetworkPolicy", api_version="networking.k8s.io/v1", spec={"podSelector": selector})
    return [(one.layer, one.location.pointer) for one in decode(body).problems]


def test_the_empty_selector_is_all():
    assert parse("all()") == LabelSelector().to_selector() == read().to_selector()


def test_one_term_stands_alone():
    assert parse("app == 'web'") == read(matchLabels={"app": "web"}).to_selector()


def test_labels_come_sorted_and_before_the_expressions():
    selector = read(
        matchLabels={"b": "2", "a": "1"},
        matchExpressions=[
            {"key": "c", "operator": "In", "values": ["x", "y"]},
            {"key": "d", "operator": "NotIn", "values": ["z"]},
            {"key": "e", "operator": "Exists"},
            {"key": "f", "operator": "DoesNotExist"},
        ],
    )
    text = "a == '1' && b == '2' && c in {'x', 'y'} && d not in {'z'} && has(e) && ! has(f)"
    assert parse(text) == selector.to_selector()


def test_a_requirement_is_read_in_full():
    selector = read(**expression(operator="NotIn", values=["a", "b"]))
    assert LabelSelector({}, (Requirement("app", "NotIn", ("a", "b")),)) == selector


@pytest.mark.parametrize(
    ("selector", "place"),
    [
        ({"matchLabels": {"a b": "x"}}, "matchLabels"),
        ({"matchLabels": {"a": "x y"}}, "matchLabels"),
        (expression(operator="in", values=["x"]), "matchExpressions/0/operator"),
        (expression(operator="In"), "matchExpressions/0/values"),
        (expression(operator="Exists", values=["x"]), "matchExpressions/0/values"),
        (expression(key="", operator="Exists"), "matchExpressions/0"),
        (expression(values=["x y"]), "matchExpressions/0"),
    ],
)
def test_what_no_label_could_match_is_refused_with_its_place(selector, place):
    assert [(Layer.SCHEMA, f"/spec/podSelector/{place}")] == problems(**selector)


def test_an_operator_in_the_wrong_case_is_left_out_with_a_hint():
    body = raw(
        "NetworkPolicy",
        api_version="networking.k8s.io/v1",
        spec={"podSelector": expression(operator="in", values=["x"])},
    )
    one = decode(body)
    assert [one.hint for one in one.problems] == ['write "In"']
    assert one.obj.pod_selector == LabelSelector()
