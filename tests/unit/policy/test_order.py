from __future__ import annotations

from service.policy.convert import global_policy
from service.policy.order import policy_key, tier_view
from tests.factories import make_gnp, make_tier


def names_in_order(*policies):
    return [one.meta.ref.name for one in sorted(map(global_policy, policies), key=policy_key)]


def tiers_in_order(names, *tiers):
    known = {tier.meta.ref.name: tier for tier in tiers}
    return sorted(names, key=lambda name: tier_view(name, known).key)


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
