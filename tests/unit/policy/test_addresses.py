from __future__ import annotations

import pytest

from service.model.rule import ServiceMatch
from service.model.selector import parse
from service.net.prefixes import Family, cidrs, parse_ip
from service.policy.world import World
from tests.factories import (
    make_endpoint_slice,
    make_global_network_set,
    make_hep,
    make_namespace,
    make_network_set,
    make_node,
    make_pod,
    make_service_account,
    make_snapshot,
    make_workload,
)

HOSTS_ONLY = " && !has(projectcalico.org/namespace)"
HEP = make_hep(
    labels={"role": "node"},
    expectedIPs=["10.0.0.11"],
    ports=[{"name": "web", "protocol": "TCP", "port": 80}],
)


def book(*objects):
    return World(make_snapshot(*objects)).matcher._book


def selected(text, *objects, family=Family.V4):
    return book(*objects).selected(parse(text), family)


def must(text, *objects):
    return cidrs(Family.V4, selected(text, *objects).must)


def test_a_selector_means_the_expected_addresses_of_endpoints_with_such_labels():
    assert ["10.0.0.11/32"] == must("role == 'node'" + HOSTS_ONLY, HEP)


def test_a_selector_means_the_nets_of_sets_with_such_labels():
    outside = make_global_network_set(labels={"a": "b"}, nets=["192.0.2.0/24", "2001:db8::/32"])
    assert ["192.0.2.0/24"] == must("a == 'b'" + HOSTS_ONLY, outside)


def test_a_selector_that_no_pod_can_match_is_exact():
    found = selected("role == 'node'" + HOSTS_ONLY, HEP)
    assert (found.must, ()) == (found.may, found.unknown)


def test_pods_that_may_match_may_have_any_address_but_a_node_s():
    found = selected("role == 'node'", HEP, make_node(internal="10.0.0.12"))
    taken = [parse_ip(one)[1] in found.may - found.must for one in ("10.0.0.12", "10.244.0.1")]
    assert ([False, True], 1) == (taken, len(found.unknown))


def test_an_answer_is_kept():
    one = book(HEP)
    selector = parse("role == 'node'")
    assert one.selected(selector, Family.V4) is one.selected(selector, Family.V4)


@pytest.mark.parametrize(
    ("selector", "namespaces", "is_member"),
    [
        ("pcns.env == 'x'", [make_namespace("default", labels={"env": "x"})], True),
        ("pcns.env == 'x'", [make_namespace("default")], False),
        ("pcns.projectcalico.org/name == 'default'", [], True),
        ("pcns.env == 'x'", [], None),
    ],
)
def test_a_set_has_the_labels_of_its_namespace_as_far_as_that_is_known(
    selector, namespaces, is_member
):
    inside = make_network_set(nets=["192.0.2.0/24"])
    found = selected(f"{selector} && !has(projectcalico.org/orchestrator)", inside, *namespaces)
    address = parse_ip("192.0.2.1")[1]
    known = address in found.must
    assert is_member is (known if known == (address in found.may) else None)


def test_named_ports_are_those_of_selected_endpoints():
    found = book(HEP)
    assert [1, 1, 0] == [
        len(found.named_ports("web", selector).surely)
        for selector in (None, parse("role == 'node'"), parse("role == 'edge'"))
    ]


@pytest.mark.parametrize(
    ("selector", "expected"), [("has(x)", True), ("has(x)" + HOSTS_ONLY, False)]
)
def test_pods_may_have_a_named_port_where_the_selector_leaves_them(selector, expected):
    assert expected is bool(book(HEP).unknown_pods("web", parse(selector), Family.V4))


def test_any_pod_may_have_a_named_port_where_no_selector_stands():
    assert book(HEP).unknown_pods("web", None, Family.V4)


POD = make_pod(
    labels={"app": "web"}, ips="10.244.1.10", ports=[{"name": "web", "containerPort": 8080}]
)
BESIDE = (make_namespace(), make_service_account())


def test_pods_make_a_selector_exact():
    found = selected("app == 'web'", POD, *BESIDE)
    assert (["10.244.1.10/32"], ()) == (cidrs(Family.V4, found.must), found.unknown)
    assert found.must == found.may


def test_pods_whose_labels_are_not_known_may_be_selected():
    found = selected("pcns.env == 'x'", POD)
    assert ([], ["10.244.1.10/32"]) == (
        cidrs(Family.V4, found.must),
        cidrs(Family.V4, found.may),
    )


def test_a_template_without_a_pod_leaves_selectors_of_its_labels_open():
    waiting = make_workload(labels={"app": "db"})
    where = (POD, *BESIDE, waiting)
    assert [True, False] == [
        bool(selected(f"app == '{app}'", *where).unknown) for app in ("db", "web")
    ]


def test_named_ports_are_those_of_pods_too():
    found = book(POD, *BESIDE)
    [triple] = found.named_ports("web", parse("app == 'web'")).surely
    assert (parse_ip("10.244.1.10"), 8080) == (triple.address, triple.port)
    assert not found.unknown_pods("web", None, Family.V4)


def test_a_named_port_of_a_pod_whose_labels_are_not_known_is_perhaps_meant():
    found = book(POD).named_ports("web", parse("pcns.env == 'x'"))
    assert (0, 1) == (len(found.surely), len(found.perhaps))


def test_with_the_pods_a_service_without_slices_has_no_endpoints():
    gone = ServiceMatch("gone", "default")
    assert [None, ()] == [book(SLICE).service(gone), book(SLICE, POD).service(gone)]


SLICE = make_endpoint_slice(addresses=["10.0.0.10"])


@pytest.mark.parametrize(
    ("namespace", "name", "expected"),
    [("default", "kubernetes", 1), ("default", "gone", None), ("", "kubernetes", 0)],
)
def test_a_service_means_the_endpoints_of_its_slices(namespace, name, expected):
    found = book(SLICE).service(ServiceMatch(name, namespace))
    assert expected == (None if found is None else len(found))
