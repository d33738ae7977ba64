from __future__ import annotations

import pytest

from service.checks.settings import CheckSettings
from service.checks.suggest import service_ref, suggest
from service.errors import NotFoundError
from service.net.prefixes import parse_cidr
from service.policy.world import World
from tests.factories import (
    make_endpoint_slice,
    make_hep,
    make_kube_controllers_configuration,
    make_node,
    make_prednat,
    make_service,
    make_snapshot,
    make_tier,
)

NODE = make_node("w1", internal=["10.0.0.11", "fd00::11"])
HEP = make_hep(labels={"role": "node"}, expectedIPs=["10.0.0.11", "fd00::11"])
WEB = make_service("web", ipFamilies=["IPv4", "IPv6"])
OFFICE = ("198.51.100.0/24", "2001:db8:198::/48")
DENY = make_prednat("drop", order=20)
PORTS = {"protocol": "TCP", "destination": {"ports": [30080]}}


def suggested(*objects, sources=OFFICE, service="web", **settings):
    world = World(make_snapshot(*objects))
    networks = [parse_cidr(one) for one in sources]
    told = CheckSettings(**settings)
    return suggest(world, told, service_ref(service), sources=networks)


def spec(told, at=0):
    return told.objects[at]["spec"]


def test_a_port_that_nothing_denies_gets_an_allow_for_each_family_and_a_deny():
    told = suggested(NODE, HEP, WEB)
    assert "create GlobalNetworkPolicy guard-default-web" == told.summary
    rules = [(one["action"], one.get("source", {}).get("nets")) for one in spec(told)["ingress"]]
    assert [("Allow", [OFFICE[0]]), ("Allow", [OFFICE[1]]), ("Deny", None)] == rules


def test_where_something_denies_the_port_an_allow_before_it_is_enough():
    told = suggested(NODE, HEP, WEB, DENY)
    assert ["Allow", "Allow"] == [one["action"] for one in spec(told)["ingress"]]
    assert 10 == spec(told)["order"]


def test_the_allow_stands_between_what_denies_and_what_comes_before_it():
    early = make_prednat(
        "early", order=15, ingress=[{"action": "Allow", "source": {"nets": ["10.0.0.0/24"]}}]
    )
    assert 17.5 == spec(suggested(NODE, HEP, WEB, DENY, early))["order"]


def test_a_deny_without_order_is_preceded_by_any_order():
    assert 1000 == spec(suggested(NODE, HEP, WEB, make_prednat("drop")))["order"]


def test_the_allow_goes_into_the_tier_of_what_denies():
    tier = make_tier("edge", order=10)
    denying = make_prednat("drop", tier="edge", order=20)
    assert "edge" == spec(suggested(NODE, HEP, WEB, tier, denying))["tier"]


def test_a_node_without_host_endpoint_gets_one_that_the_policies_select():
    bare = make_node("w2", internal="10.0.0.12")
    told = suggested(
        NODE, HEP, WEB, bare, make_prednat("drop", order=20, selector="role == 'node'")
    )
    created = [one["metadata"] for one in told.objects]
    assert ["w2-nodeward", "allow-default-web"] == [one["name"] for one in created]
    assert {"role": "node"} == created[0]["labels"]


def test_many_nodes_without_host_endpoint_get_automatic_ones():
    nodes = [make_node(f"w{n}", internal=f"10.0.0.{n}") for n in range(30, 55)]
    api = make_endpoint_slice(addresses=["10.0.0.30"])
    told = suggested(*nodes, api, WEB, make_kube_controllers_configuration(autoCreate="Disabled"))
    assert (
        "create GlobalNetworkPolicy guard-default-web; change KubeControllersConfiguration default"
        == told.summary
    )
    assert "Enabled" == spec(told)["controllers"]["node"]["hostEndpoint"]["autoCreate"]


def test_nothing_is_added_where_the_sources_get_in_and_nobody_else():
    allow = make_prednat(
        "office",
        order=10,
        ingress=[{"action": "Allow", "source": {"nets": [net]}, **PORTS} for net in OFFICE],
    )
    told = suggested(NODE, HEP, WEB, DENY, allow)
    assert ("nothing to add", (), "") == (told.summary, told.objects, told.refused)


def test_outsiders_whom_a_rule_lets_in_are_told_where_nothing_new_keeps_them_out():
    allow = make_prednat("all", order=10, ingress=[{"action": "Allow", **PORTS}])
    assert ("0.0.0.0/0", "::/0") == suggested(NODE, HEP, WEB, DENY, allow).also
    partner = make_prednat(
        "some",
        order=10,
        ingress=[{"action": "Allow", "source": {"nets": ["192.0.2.0/24"]}, **PORTS}],
    )
    assert ("192.0.2.0/24",) == suggested(NODE, HEP, WEB, DENY, partner).also
    trusted = (parse_cidr("192.0.2.0/24"),)
    assert () == suggested(NODE, HEP, WEB, DENY, partner, trusted=trusted).also


def test_a_name_that_is_taken_gets_a_number():
    taken = make_prednat("guard-default-web", selector="role == 'edge'")
    edge = make_hep("w3-eth0", node="w3", labels={"role": "edge"}, expectedIPs=["10.0.0.13"])
    third = make_node("w3", internal="10.0.0.13")
    told = suggested(NODE, HEP, edge, third, WEB, taken)
    assert "guard-default-web-2" == told.objects[0]["metadata"]["name"]


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        (
            [NODE, HEP, make_service("web", type="ClusterIP", ports=({"port": 80},))],
            "opens no node port",
        ),
        ([NODE, HEP, make_service("web", ports=({"port": 80},))], "not allocated"),
        ([HEP, WEB], "no Node is known"),
        ([NODE, HEP, make_service("web", ports=(6443,))], "would not let in"),
    ],
)
def test_what_cannot_be_suggested_is_told_with_its_reason(objects, why):
    told = suggested(*objects)
    assert () == told.objects
    assert why in told.refused


def test_without_a_source_or_a_service_there_is_nothing_to_suggest():
    assert "no source is named" == suggested(NODE, HEP, WEB, sources=()).refused
    with pytest.raises(NotFoundError):
        suggested(NODE, HEP, WEB, service="shop/web")


def test_its_json_holds_the_manifest():
    told = suggested(NODE, HEP, WEB).to_json()
    assert "kind: GlobalNetworkPolicy" in told["yaml"]
    assert "" == suggested(HEP, WEB).to_json()["yaml"]


@pytest.mark.parametrize(("count", "expected"), [(5, ""), (6, " and 1 more")])
def test_a_few_of_many_networks_are_told(count, expected):
    nets = [f"198.51.{2 * n}.0/24" for n in range(count)]
    told = suggested(
        NODE, HEP, make_service("web", ports=(6443,), ipFamilies=["IPv4"]), sources=nets
    )
    assert told.refused.endswith(", ".join(nets[:5]) + expected)


def test_a_rule_that_lets_in_everyone_but_the_sources_is_told_as_everyone():
    halves = [
        {"action": "Allow", "source": {"nets": ["0.0.0.0/0"]}, **PORTS},
        {"action": "Allow", "source": {"nets": [OFFICE[1]]}, **PORTS},
    ]
    allow = make_prednat("all", order=10, ingress=halves)
    assert ("0.0.0.0/0",) == suggested(NODE, HEP, WEB, DENY, allow).also
    most = {"action": "Allow", "source": {"notNets": ["0.0.0.0/32"]}, "ipVersion": 4, **PORTS}
    allow = make_prednat("most", order=10, ingress=[most, halves[1]])
    assert "0.0.0.0/0" not in suggested(NODE, HEP, WEB, DENY, allow).also


def test_its_json_tells_what_was_asked_and_what_is_added():
    told = suggested(NODE, HEP, WEB).to_json()
    assert ("default/web", [*OFFICE], [], "") == tuple(
        told[name] for name in ("service", "sources", "also", "refused")
    )
    assert told["summary"].startswith("create GlobalNetworkPolicy guard-default-web")
