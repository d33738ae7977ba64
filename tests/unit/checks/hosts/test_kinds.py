"""What a policy may select, where not every endpoint is known."""

from __future__ import annotations

import pytest

from service.checks.hosts.kinds import (
    host_classes,
    may_select_hosts,
    may_select_pods,
    selected_hosts,
)
from service.policy.world import World
from tests.factories import (
    make_gnp,
    make_hep,
    make_namespace,
    make_network_policy,
    make_pod,
    make_service_account,
    make_snapshot,
    make_workload,
)

PODS = "has(projectcalico.org/namespace)"
SHOP = (make_namespace("shop"), make_service_account(namespace="shop"))
WEB = make_pod("web", namespace="shop", labels={"app": "web"}, ips="10.244.1.5")


def of(policy, *objects):
    """The world of *objects* and *policy*, and the policy in its internal form."""
    world = World(make_snapshot(policy, *objects))
    return world, world.policy(policy.meta.ref)


@pytest.mark.parametrize(
    ("selector", "hosts", "pods"),
    [
        ("all()", True, True),
        ("role == 'node'", True, True),
        (PODS, False, True),
        (f"!{PODS}", True, False),
        (f"{PODS} && app == 'web'", False, True),
        ("projectcalico.org/orchestrator == 'k8s'", False, True),
        ("projectcalico.org/orchestrator != 'k8s'", True, False),
        ("has(projectcalico.org/serviceaccount)", False, True),
        ("has(pcns.team)", False, True),
        ("has(pcsa.team)", False, True),
    ],
)
def test_a_policy_may_select_what_could_have_the_labels(selector, hosts, pods):
    world, policy = of(make_gnp(selector=selector))
    assert (hosts, pods) == (may_select_hosts(policy), may_select_pods(world, policy))


def test_a_policy_of_a_namespace_selects_no_host():
    world, policy = of(make_network_policy(namespace="shop"))
    assert (False, True) == (may_select_hosts(policy), may_select_pods(world, policy))


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("app == 'web'", True),
        ("app == 'db'", False),
        ("app == 'job'", True),
        ("projectcalico.org/namespace == 'shop'", True),
        ("projectcalico.org/namespace == 'bare'", False),
        ("projectcalico.org/namespace == 'bare' || app == 'web'", True),
    ],
)
def test_where_pods_are_known_a_policy_may_select_one_or_what_a_template_makes(selector, expected):
    job = make_workload("Deployment", "job", namespace="shop", labels={"app": "job"})
    world, policy = of(make_gnp(selector=selector), *SHOP, make_namespace("bare"), WEB, job)
    assert expected == may_select_pods(world, policy)


def test_hosts_that_policy_cannot_tell_apart_are_of_one_class():
    heps = [
        make_hep(f"{node}-eth0", node=node, labels={"role": role, "id": node})
        for node, role in (("w2", "node"), ("w1", "node"), ("e1", "edge"))
    ]
    world, policy = of(make_gnp(selector="role == 'node'"), *heps)
    names = [[hep.meta.ref.name for hep in alike] for alike in host_classes(world).values()]
    assert [["e1-eth0"], ["w1-eth0", "w2-eth0"]] == names
    chosen = [hep.meta.ref.name for hep in selected_hosts(world, policy)]
    assert ["w1-eth0", "w2-eth0"] == chosen
