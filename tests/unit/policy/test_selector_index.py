from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.model.selector import parse
from service.policy.selector_index import LabelIndex, SelectorIndex
from service.policy.workloads import selects

NAMES = ("a", "b", "c")
LABELS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(("1", "2")))
LEAVES = st.sampled_from(
    [
        *(f"{name} == '{value}'" for name in NAMES for value in "12"),
        *(f"{name} in {{'1', '2'}}" for name in NAMES),
        *(f"has({name})" for name in NAMES),
        *(f"!has({name})" for name in NAMES),
        *(f"{name} != '1'" for name in NAMES),
        "a in {}",
        "all()",
    ]
)
TEXTS = st.recursive(
    LEAVES,
    lambda inner: st.builds("({0}) {2} ({1})".format, inner, inner, st.sampled_from(("&&", "||"))),
    max_leaves=4,
)


@given(st.lists(st.one_of(st.none(), TEXTS), max_size=8), LABELS)
def test_the_selectors_that_select_are_found_in_their_order(texts, labels):
    selectors = [text if text is None else parse(text) for text in texts]
    index = SelectorIndex(zip(selectors, range(len(texts)), strict=True))
    expected = [place for place, one in enumerate(selectors) if one is None or one.matches(labels)]
    assert expected == list(index.matching(labels))


PREFIXES = st.sets(st.sampled_from(("a", "c"))).map(sorted).map(tuple)


@given(st.lists(st.tuples(LABELS, PREFIXES), max_size=8), TEXTS)
def test_no_labels_that_a_selector_may_select_are_missed(members, text):
    selector = parse(text)
    labels = [{k: v for k, v in own.items() if not k.startswith(pre)} for own, pre in members]
    found = list(LabelIndex(labels, [prefixes for _, prefixes in members]).candidates(selector))
    expected = {
        place
        for place, (known, (_, prefixes)) in enumerate(zip(labels, members, strict=True))
        if selects(selector, known, prefixes) is not False
    }
    assert (True, sorted(set(found))) == (expected <= set(found), found)


def test_a_value_narrows_the_search():
    labels = [{"a": str(number)} for number in range(10)]
    assert [3] == list(LabelIndex(labels).candidates(parse("has(a) && a == '3'")))
