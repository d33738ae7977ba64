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
