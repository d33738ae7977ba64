"""A snapshot is a function of its objects, not of how they came in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.factories import decode, make_change, make_snapshot, raw

NAMES = ("a", "b", "c")


@st.composite
def objects(draw):
    kind = draw(st.sampled_from(["Tier", "GlobalNetworkPolicy", "GlobalNetworkSet"]))
    name = draw(st.sampled_from(NAMES))
    order = draw(st.integers(0, 3))
    spec = {"nets": [f"10.{order}.0.0/16"]} if kind == "GlobalNetworkSet" else {"order": order}
    if kind == "GlobalNetworkPolicy" and draw(st.booleans()):
        spec["selector"] = "broken ="
    return decode(raw(kind, name, spec=spec))


def distinct(decoded):
    return list({one.ref: one for one in decoded}.values())


def content(snapshot):
    return snapshot.maps, list(snapshot.decoded()), snapshot.digest


@given(st.lists(objects()), st.randoms(use_true_random=False))
def test_order_does_not_matter(decoded, random):
    decoded = distinct(decoded)
    shuffled = random.sample(decoded, len(decoded))
    assert content(make_snapshot(*decoded)) == content(make_snapshot(*shuffled))


@given(st.lists(objects()), st.lists(objects()))
def test_changes_one_by_one_lead_where_reading_all_at_once_leads(first, then):
    snapshot = make_snapshot(*first)
    for one in then:
        snapshot = snapshot.with_change(make_change(snapshot.find(one.ref), one))
    assert content(make_snapshot(*first, *then)) == content(snapshot)


@given(st.lists(objects()), objects())
def test_deleting_what_was_created_leads_back(decoded, one):
    before = make_snapshot(*(other for other in decoded if other.ref != one.ref))
    there = before.with_change(make_change(None, one))
    assert content(before) == content(there.with_change(make_change(one, None)))


@given(st.lists(objects()), objects())
def test_a_change_keeps_the_maps_of_other_types(decoded, one):
    before = make_snapshot(*decoded)
    after = before.with_change(make_change(before.find(one.ref), one))
    changed = {type(one.obj)}
    assert all(after.maps[kind] is before.maps[kind] for kind in before.maps if kind not in changed)
