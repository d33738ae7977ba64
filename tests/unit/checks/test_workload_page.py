from __future__ import annotations

import pytest

from service.checks.workload.page import pages
from service.errors import NotFoundError
from service.policy.world import World
from tests.factories import (
    make_cluster_network_policy,
    make_gnp,
    make_knp,
    make_namespace,
    make_network_policy,
    make_pod,
    make_service_account,
    make_snapshot,
    make_tier,
    make_workload,
)

SPACE = (make_namespace("shop"), make_service_account(namespace="shop"))
PODS = (
    *SPACE,
    make_pod("web", namespace="shop", labels={"app": "web"}, ips="10.244.1.5"),
    make_pod("db", namespace="shop", labels={"app": "db"}, ips="10.244.1.6"),
)
PLANNED = (
    *SPACE,
    make_workload(name="web", namespace="shop", labels={"app": "web"}),
    make_workload(name="db", namespace="shop", labels={"app": "db"}),
)
OWNER = {"kind": "ReplicaSet", "name": "web", "apiVersion": "apps/v1"}
FROM_WEB = make_knp(
    "db",
    namespace="shop",
    podSelector={"matchLabels": {"app": "db"}},
    ingress=[
        {
            "from": [{"podSelector": {"matchLabels": {"role": "caller"}}}],
            "ports": [{"protocol": "TCP", "port": 5432}],
        }
    ],
)
OUT = make_network_policy(
    "out",
    namespace="shop",
    selector="tier == 'closed'",
    types=["Egress"],
    egress=[
        {
            "action": "Allow",
            "protocol": "UDP",
            "destination": {"nets": ["198.51.100.0/24"], "ports": [53]},
        }
    ],
)


def page(*objects, name="shop/web", **labels):
    told = pages(World(make_snapshot(*objects)), name, labels)
    return told[0].to_json()


def turns(told):
    return [(one["turn"], one["direction"], one["peer"], one["sure"]) for one in told["turned"]]


def test_what_a_workload_earns_stands_with_the_policy_and_the_labels_that_earn_it():
    told = page(*PODS, FROM_WEB, name="shop/db")
    assert [("NetworkPolicy shop/db", "ingress", ["app=db"])] == [
        (one["policy"], one["direction"], one["by"]) for one in told["earned"]
    ]
    assert [
        'Allow TCP port 5432 from (projectcalico.org/namespace == "shop" && (role == "caller"))'
    ] == told["earned"][0]["rules"]
    assert "denied at the end of tier default" == told["otherwise"]["ingress"]
    assert "everything is allowed: no policy selects it" == told["otherwise"]["egress"]


def test_a_direction_of_tiers_that_pass_ends_with_the_profile():
    rule = {"action": "Accept", "from": [{"namespaces": {}}]}
    passing = make_cluster_network_policy("early", ingress=[rule])
    told = page(*PODS, passing, make_tier("kube-admin", order=1000, defaultAction="Pass"))
    assert (
        "allowed by the namespace's profile: every tier passes on" == told["otherwise"]["ingress"]
    )


def test_what_others_grant_is_told_by_their_rules():
    granted = page(
        *PODS,
        FROM_WEB,
        make_gnp(
            "all",
            selector="app == 'db'",
            ingress=[{"action": "Allow", "source": {"selector": "app == 'web'"}}],
        ),
    )
    assert [("GlobalNetworkPolicy all", "ingress", 0, True)] == [
        (one["policy"], one["direction"], one["rule"], one["sure"]) for one in granted["granted"]
    ]


def test_roles_are_the_pairs_that_policies_select_on():
    told = page(*PODS, FROM_WEB, OUT)
    assert [("app", "db", False), ("role", "caller", False), ("tier", "closed", False)] == [
        (one["label"], one["value"], one["held"]) for one in told["roles"]
    ]


def test_policies_of_other_namespaces_and_of_hosts_make_no_roles():
    other = make_knp("other", namespace="dev", podSelector={"matchLabels": {"app": "x"}})
    host = make_gnp(
        "host", preDNAT=True, applyOnForward=True, selector="role == 'node'", ingress=[]
    )
    assert [] == page(*PODS, other, host)["roles"]


@pytest.mark.parametrize(("objects", "pods"), [(PODS, 1), (PLANNED, 0)], ids=["pods", "templates"])
def test_a_label_that_others_ask_for_opens_their_doors(objects, pods):
    told = page(*objects, FROM_WEB, role="caller")
    peer = "Pod shop/db" if pods else "Deployment shop/db"
    assert [("opened", "egress", peer, True)] == turns(told)
    assert [{"protocol": ["TCP"], "port": ["5432"]}] == told["turned"][0]["flows"]
    assert pods == len(told["pods"])


def test_a_label_that_earns_a_policy_closes_what_it_leaves_out():
    told = page(*PODS, OUT, tier="closed")
    assert {
        ("closed", "egress", "Pod shop/db", True),
        ("closed", "egress", "addresses that are no pod's", True),
    } == set(turns(told))


def test_a_label_that_is_taken_away_turns_it_back():
    closed = make_pod(
        "web", namespace="shop", labels={"app": "web", "tier": "closed"}, ips="10.244.1.5"
    )
    told = page(*PODS[:2], closed, PODS[3], OUT, tier=None)
    assert ("opened", "egress", "Pod shop/db", True) in turns(told)


def test_what_hangs_on_addresses_that_are_not_known_may_turn():
    block = {"from": [{"ipBlock": {"cidr": "10.244.0.0/16"}}]}
    into = make_knp(
        "in", namespace="shop", podSelector={"matchLabels": {"tier": "closed"}}, ingress=[block]
    )
    told = page(*PLANNED, into, tier="closed")
    assert ("closed", "ingress", "Deployment shop/db", False) in turns(told)


def test_a_label_that_nobody_asks_for_changes_nothing():
    told = page(*PODS, FROM_WEB, OUT, colour="red")
    assert [] == told["turned"]
    assert None is page(*PODS, FROM_WEB)["turned"]


def test_a_workload_is_found_by_its_own_name_or_that_of_a_pod():
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api-5d9", "uid": "1"}
    labels = {"app": "api", "pod-template-hash": "5d9"}
    pod = make_pod("api-5d9-x", namespace="shop", labels=labels, ips="10.244.1.9", owner=owner)
    deployment = make_workload(name="api", namespace="shop", labels={"app": "api"})
    for name in ("shop/api", "shop/api-5d9-x"):
        told = page(*PODS, pod, deployment, FROM_WEB, name=name, role="caller")
        assert ("Deployment shop/api", ["shop/api-5d9-x"]) == (told["workload"], told["pods"])
        assert [("opened", "egress", "Pod shop/db", True)] == turns(told)
    with pytest.raises(NotFoundError):
        page(*PODS, name="shop/gone")


def test_the_text_tells_all_of_it():
    world = World(make_snapshot(*PODS, FROM_WEB, OUT))
    text = pages(world, "shop/web", {"role": "caller", "app": None})[0].to_text()
    for line in (
        "Pod shop/web",
        "  labels: app=web",
        "    role=caller: NetworkPolicy shop/db",
        "with role=caller, app-",
        "  opened to Pod shop/db, IPv4",
    ):
        assert line in text.split("\n")
    assert "no flow opens or closes" in pages(world, "shop/web", {"colour": "red"})[0].to_text()


def test_doubts_about_labels_are_told():
    gnp = make_gnp("some", namespaceSelector="env == 'prod'", types=["Ingress"])
    told = page(*PLANNED[2:], gnp)
    assert 1 == len(told["unknown"])


def test_the_text_tells_roles_and_few_of_many_pods():
    many = [
        make_pod(
            f"web-{n}", namespace="shop", labels={"app": "web"}, ips=f"10.244.3.{n}", owner=OWNER
        )
        for n in range(1, 8)
    ]
    owned = make_workload("ReplicaSet", "web", namespace="shop", labels={"app": "web"})
    world = World(make_snapshot(*SPACE, *many, owned, FROM_WEB, OUT))
    shown = ", ".join(f"shop/web-{n}" for n in range(1, 6))
    expected = f"""\
ReplicaSet shop/web
  pods: {shown} and 2 more
  labels: app=web
ingress
  otherwise: everything is allowed: no policy selects it
egress
  otherwise: everything is allowed: no policy selects it
roles
    app=db: NetworkPolicy shop/db
    role=caller: NetworkPolicy shop/db
    tier=closed: NetworkPolicy shop/out"""
    assert expected == pages(world, "shop/web", {})[0].to_text()


def test_what_is_granted_by_others_is_told_with_its_rule():
    caller = make_pod("web", namespace="shop", labels={"role": "caller"}, ips="10.244.1.5")
    world = World(make_snapshot(*SPACE, caller, PODS[-1], FROM_WEB))
    lines = pages(world, "shop/web", {})[0].to_text().split("\n")
    at = lines.index("granted by others")
    assert lines[at + 1].startswith("  NetworkPolicy shop/db, ingress rule 0: Allow TCP port 5432")
    assert "  * role=caller: NetworkPolicy shop/db" in lines
