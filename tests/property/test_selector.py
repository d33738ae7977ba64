"""Laws of the selector language, on arbitrary trees over few labels and values."""

from hypothesis import given
from hypothesis import strategies as st

from service.errors import SelectorError
from service.model import selector as language

LABELS = ("a", "b", "in", "has", "x.y/z-1")
VALUES = ("", "x", "xy", "y x", "it's", 'q"q', "é\n")

labels = st.sampled_from(LABELS)
values = st.sampled_from(VALUES)
label_maps = st.dictionaries(labels, values)

leaves = st.one_of(
    st.builds(language.All),
    st.builds(language.Global),
    st.builds(language.Has, labels),
    *(
        st.builds(test, labels, values)
        for test in (
            language.Equals,
            language.NotEquals,
            language.Contains,
            language.StartsWith,
            language.EndsWith,
        )
    ),
    *(st.builds(test, labels, st.frozensets(values)) for test in (language.In, language.NotIn)),
)


def junctions(inner):
    operands = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.builds(language.And, operands) | st.builds(language.Or, operands)


selectors = st.recursive(
    leaves, lambda inner: junctions(inner) | st.builds(language.Not, inner), max_leaves=8
)


@given(selectors, label_maps)
def test_the_canonical_form_reads_back_with_the_same_meaning(selector, present):
    assert language.parse(selector.canonical()).matches(present) is selector.matches(present)


@given(selectors)
def test_the_canonical_form_keeps_labels_and_restrictions(selector):
    read = language.parse(selector.canonical())
    assert read.labels() == selector.labels()
    assert read.canonical() == selector.canonical().replace("!!", "")


@given(st.text("ab'\"=!&|(){}, \tinhasot.", max_size=30))
def test_any_text_parses_or_is_refused_within_its_columns(text):
    assert refused_column(text) in {None, *range(1, len(text) + 2)}


def refused_column(text):
    try:
        language.parse(text)
    except SelectorError as refused:
        return refused.column
    return None


@given(selectors, label_maps)
def test_a_prefixed_selector_matches_prefixed_labels_alike(selector, present):
    prefixed = {f"pcns.{label}": value for label, value in present.items()}
    assert selector.prefixed("pcns.").matches(prefixed) is selector.matches(present)


@given(selectors, label_maps)
def test_a_prefixed_selector_sees_no_other_label(selector, present):
    assert selector.prefixed("pcns.").matches(present) is selector.matches({})


@given(selectors, label_maps)
def test_all_is_whatever_replaces_it(selector, present):
    replaced = selector.replace_all(language.Has("ns"))
    assert replaced.matches({**present, "ns": ""}) is selector.matches(present)
    nothing = selector.replace_all(language.Not(language.All()))
    assert replaced.matches(present) is nothing.matches(present)


@given(selectors, label_maps)
def test_global_is_whatever_replaces_it(selector, present):
    replaced = selector.replace_global(language.Not(language.Has("ns")))
    assert replaced.matches(present) is selector.matches(present)
    nothing = selector.replace_global(language.Not(language.All()))
    assert replaced.matches({**present, "ns": ""}) is nothing.matches(present)


@given(selectors, selectors, label_maps)
def test_conjunction_and_negation_are_those_of_truth_values(one, two, present):
    first, second = one.matches(present), two.matches(present)
    assert language.and_(one, two).matches(present) is (first and second)
    assert language.not_(one).matches(present) is (not first)


@given(selectors, label_maps, st.frozensets(labels), label_maps)
def test_what_is_decided_with_few_labels_known_holds_for_every_completion(
    selector, known, absent, others
):
    completion = {label: v for label, v in others.items() if label not in absent} | known
    verdict = selector.match_unknown(known, absent)
    assert verdict in {None, selector.matches(completion)}


@given(selectors, label_maps)
def test_everything_is_decided_where_every_label_is_known_or_absent(selector, known):
    assert selector.match_unknown(known, frozenset(LABELS)) is selector.matches(known)


@given(selectors, label_maps)
def test_whatever_matches_keeps_the_restrictions(selector, present):
    if selector.matches(present):
        for label, restriction in selector.restrictions().items():
            value = present.get(label)
            assert not (restriction.must_be_present and value is None)
            assert not (restriction.must_be_absent and value is not None)
            allowed = restriction.must_have_one_of_values
            assert allowed is None or value in allowed
