from __future__ import annotations

import pytest

from service.policy.convert import global_policy, namespaced_policy
from service.policy.convert_kubernetes import kubernetes_policy
from service.policy.order import policy_key, tier_view
from service.policy.policies import policies
from service.policy.profile import Release
from tests.factories import make_gnp, make_knp, make_network_policy, make_snapshot, make_tier


def names_in_order(*policies):
    return [one.meta.ref.name for one in sorted(map(global_policy, policies), key=policy_key)]


def tiers_in_order(names, *tiers):
    known = {tier.meta.ref.name: tier for tier in tiers}
    return sorted(names, key=lambda name: tier_view(name, known).key)


def stored(*policies):
    return sorted(policies, key=lambda one: policy_key(one, Release(31)))


def test_before_v3_32_policies_of_one_order_went_by_the_names_they_were_stored_under():
    cluster_wide = global_policy(make_gnp("alpha", order=1000))
    namespaced = namespaced_policy(make_network_policy("zebra", order=1000))
    kubernetes = kubernetes_policy(make_knp("beta"))
    own_tier = global_policy(make_gnp("security.a", order=1000, tier="security"))
    assert ["default.alpha", "default/default.zebra", "default/knp.default.beta", "security.a"] == [
        policy_key(one, Release(31))[1] for one in (cluster_wide, namespaced, kubernetes, own_tier)
    ]
    assert [cluster_wide, namespaced, kubernetes] == stored(kubernetes, namespaced, cluster_wide)


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        (28, ["default"]),
        (29, ["adminnetworkpolicy", "default"]),
        (31, ["adminnetworkpolicy", "default", "baselineadminnetworkpolicy"]),
        (32, ["kube-admin", "default", "kube-baseline"]),
    ],
)
def test_each_release_has_its_own_built_in_tiers(release, expected):
    known = Release(release)
    views = [tier_view(name, {}, known) for name in known.built_in]
    assert expected == [one.name for one in sorted(views, key=lambda one: one.key)]
    assert all(one.exists and one.ends_in_pass == (one.name != "default") for one in views)


def test_tiers_of_another_release_are_missing():
    assert not tier_view("kube-admin", {}, Release(31)).exists
    assert not tier_view("adminnetworkpolicy", {}, Release(34)).exists


def test_before_v3_29_every_policy_is_in_the_default_tier():
    named = make_gnp("a", tier="security")
    [policy] = policies(make_snapshot(named), Release(28))
    assert "default" == policy.tier


def test_policies_go_by_order():
    assert ["b", "a"] == names_in_order(make_gnp("a", order=10), make_gnp("b", order=2.5))


def test_a_policy_without_an_order_is_last():
    assert ["b", "a"] == names_in_order(make_gnp("a"), make_gnp("b", order=1e9))


def test_the_tie_break_compares_name_namespace_and_kind_as_one_text():
    assert ["a-b", "a", "a0"] == names_in_order(make_gnp("a0"), make_gnp("a"), make_gnp("a-b"))


def test_built_in_tiers_need_no_object():
    names = ["kube-baseline", "default", "kube-admin"]
    assert ["kube-admin", "default", "kube-baseline"] == tiers_in_order(names)


def test_a_tier_object_wins_over_what_is_built_in():
    assert ["default", "kube-admin"] == tiers_in_order(
        ["kube-admin", "default"], make_tier("kube-admin", order=2e6)
    )


def test_a_tier_without_an_order_ties_with_default_and_goes_by_name():
    names = ["zoo", "default", "alpha"]
    assert ["alpha", "default", "zoo"] == tiers_in_order(
        names, make_tier("zoo"), make_tier("alpha")
    )


def test_a_missing_tier_is_after_all_others_and_ends_in_a_deny():
    view = tier_view("gone", {})
    assert (["kube-baseline", "gone"], False) == (
        tiers_in_order(["gone", "kube-baseline"]),
        view.ends_in_pass,
    )


def test_only_pass_makes_a_tier_end_in_a_pass():
    views = [tier_view("t", {"t": make_tier("t", defaultAction=one)}) for one in ("Pass", "Deny")]
    assert [True, False] == [view.ends_in_pass for view in views]


@pytest.mark.parametrize(
    ("minor", "names"),
    [
        (28, ("default",)),
        (29, ("adminnetworkpolicy", "default")),
        (30, ("adminnetworkpolicy", "baselineadminnetworkpolicy", "default")),
        (31, ("adminnetworkpolicy", "baselineadminnetworkpolicy", "default")),
        (32, ("default", "kube-admin", "kube-baseline")),
        (34, ("default", "kube-admin", "kube-baseline")),
    ],
)
def test_each_release_has_tiers_of_its_own_making(minor, names):
    known = Release(minor)
    assert names == tuple(sorted(known.built_in))
    assert (minor >= 29) is known.has_tiers
