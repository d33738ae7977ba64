"""The connections among pods, by classes of pods that are alike."""

from __future__ import annotations

import pytest

from service.net.headerspace import Field
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.connectivity import connectivity
from service.policy.stages import Disposition
from tests.factories import make_gnp, make_pod
from tests.trace_factories import world

TCP = IntervalSet.single(6)
UNTUNNELLED = [
    {"protocol": ["ICMP", "2", "3", "5-16", "18-57", "59-255"]},
    {"protocol": ["UDP"], "port": ["1-4788", "4790-65535"]},
]
"""What a pod may send to another that nobody denies: no IPIP and no VXLAN."""
APPS = ("web", "web", "db", "db")


def pods():
    return [
        make_pod(f"{app}-{at}", ips=f"10.244.1.{10 + at}", labels={"app": app})
        for at, app in enumerate(APPS)
    ]


def only_web(**source):
    rule = {"action": "Allow", "protocol": "TCP", "destination": {"ports": [5432]}}
    rule["source"] = {"selector": "app == 'web'", **source}
    return make_gnp("db", selector="app == 'db'", types=["Ingress"], ingress=[rule])


def ports(found, source, target):
    space = found.between(source, target, Disposition.ALLOWED)
    return str(space.restrict(Field.PROTOCOL, TCP).project(Field.DST_PORT))


def test_pods_with_the_same_labels_and_policies_are_one_class():
    found = connectivity(world(only_web(), *pods()), Family.V4)
    assert [("default/web-0", "default/web-1"), ("default/db-2", "default/db-3")] == [
        one.pods for one in found.classes
    ]
    web, db = found.classes
    assert "5432" == ports(found, web, db)
    assert "" == ports(found, db, db)
    assert "1-65535" == ports(found, db, web)


def test_addresses_that_a_rule_tells_apart_part_a_class():
    found = connectivity(world(only_web(nets=["10.244.1.10/32"]), *pods()), Family.V4)
    assert [1, 1, 2] == [len(one.pods) for one in found.classes]
    near, far, db = found.classes
    assert ("5432", "") == (ports(found, near, db), ports(found, far, db))


@pytest.mark.parametrize("family", Family)
def test_a_cluster_without_pods_has_no_connections(family):
    assert () == connectivity(world(), family).classes


def test_connections_are_told_by_the_places_of_classes():
    found = connectivity(world(only_web(), *pods(), make_pod("lost", ips="")), Family.V4)
    told = found.to_json()
    assert [["default/web-0", "default/web-1"], ["default/db-2", "default/db-3"]] == [
        one["pods"] for one in told["classes"]
    ]
    only_5432 = [{"protocol": ["TCP"], "port": ["5432"]}]
    assert [(0, 0, UNTUNNELLED), (0, 1, only_5432), (1, 0, UNTUNNELLED)] == [
        (one["from"], one["to"], one["flows"]) for one in told["connections"]
    ]
    assert ["pod default/lost has no address that is known"] == told["unresolved"]


def test_what_may_be_denied_is_told_as_perhaps():
    rule = {"action": "Allow", "source": {"serviceAccounts": {"selector": "trust == 'high'"}}}
    policy = make_gnp("some", selector="all()", types=["Ingress"], ingress=[rule])
    only = connectivity(world(policy, *pods()[:1]), Family.V4)
    assert "IPv4: 1 class of pods\n  0: default/web-0\n0 -> 0: any" == only.to_text()
    two = connectivity(world(policy, pods()[0], pods()[2]), Family.V4)
    perhaps = "ICMP, 2, 3, 5-16, 18-57, 59-255; UDP port 1-4788, 4790-65535"
    assert f"0 -> 0: perhaps {perhaps}" == two.to_text().splitlines()[-1]
