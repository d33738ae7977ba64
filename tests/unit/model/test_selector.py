"""The selector language: lexical rules, grammar, meaning, rewriting, what is known of labels."""

import pytest

from service.errors import SelectorError
from service.model.selector import (
    AbsentLabels,
    All,
    And,
    Equals,
    Has,
    In,
    LabelRestriction,
    Not,
    NotEquals,
    Or,
    and_,
    not_,
    parse,
)

A_IS_X = Equals("a", "x")


@pytest.mark.parametrize("text", ["", " ", "\t \t", "all()", "all( \t)", "( all() )"])
def test_blank_text_and_all_select_everything(text):
    assert parse(text) == All()


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a=='x'", A_IS_X),
        ('a == "x"', A_IS_X),
        ("(((a == 'x')))", A_IS_X),
        ("!! a == 'x'", A_IS_X),
        ("! a == 'x'", Not(A_IS_X)),
        ("!(!has(a))", Not(Not(Has("a")))),
        ("has( a\t)", Has("a")),
        ("a in {'x', 'x', 'y',}", In("a", frozenset("xy"))),
        ("a in{}", In("a", frozenset())),
        ("has(a)||has(b)&&has(c)", Or((Has("a"), And((Has("b"), Has("c")))))),
        ("(has(a) || has(b)) || has(c)", Or((Or((Has("a"), Has("b"))), Has("c")))),
    ],
)
def test_text_becomes_its_tree(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    "word", ["in", "not", "has", "all", "global", "contains", "starts", "-", "."]
)
def test_words_of_the_language_can_name_labels(word):
    assert parse(f"{word} == 'x'") == Equals(word, "x")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("a notin{'x'}", 'a not in {"x"}'),
        ("a not \t in {'y','x'}", 'a not in {"x", "y"}'),
        ("a startswith'x'", 'a starts with "x"'),
        ("a ends\twith 'x'", 'a ends with "x"'),
        ("a contains ''", 'a contains ""'),
        ("in in {'in'}", 'in in {"in"}'),
        ("a == 'q\"q'", "a == 'q\"q'"),
        ("a == 'two\nlines'", 'a == "two\nlines"'),
        ("!(a == 'x' && global())", '!(a == "x" && global())'),
    ],
)
def test_a_tree_prints_in_canonical_form(text, canonical):
    assert (parse(text).canonical(), str(parse(text))) == (canonical, canonical)


@pytest.mark.parametrize(
    ("text", "column", "detail"),
    [
        ("a", 2, "expected an operator after the label name 'a', found the end"),
        ("a == b", 6, "expected a quoted string, found a label name"),
        ("a = 'x'", 3, "did you mean '=='?"),
        ("has(a) & has(b)", 8, "did you mean '&&'?"),
        ("has(a) | has(b)", 8, "did you mean '||'?"),
        ("a == 'x", 6, "the string is not closed"),
        ("a == 'x'\n", 9, "found '\\n' (U+000A)"),
        ("a == 'x'\u00a0", 9, "(U+00A0)"),
        ("é == 'x'", 1, "found 'é' (U+00E9)"),
        ("a == 'é' é", 10, "found 'é' (U+00E9)"),
        ("a like 'x'", 3, "expected an operator after the label name"),
        ("a IN {'x'}", 3, "expected an operator after the label name"),
        ("a starts 'x'", 3, "expected an operator after the label name"),
        ("a inx {'x'}", 5, "expected '{' and quoted strings, found a label name"),
        ("has (a)", 5, "found '('"),
        ("has()", 5, "expected a label name in has(...)"),
        ("has(a b)", 7, "expected ')' to close has("),
        ("all(a)", 5, "expected ')' to close all("),
        ("global(", 8, "expected ')' to close global("),
        ("a in 'x'", 6, "expected '{' and quoted strings"),
        ("a in {'x' 'y'}", 11, "expected a quoted string or '}'"),
        ("a in {,}", 7, "expected a quoted string or '}'"),
        ("a in {'x',,}", 11, "expected a quoted string or '}'"),
        ("(has(a)", 8, "expected '&&', '||' or ')', found the end"),
        ("has(a))", 7, "expected '&&', '||' or the end, found ')'"),
        ("has(a) has(b)", 8, "expected '&&', '||' or the end, found has(...)"),
        ("has(a) &&", 10, "found the end"),
        ("()", 2, "found ')'"),
        ("'a' == 'x'", 1, "found a quoted string"),
        ("!", 2, "found the end"),
    ],
)
def test_what_does_not_parse_is_refused_at_its_column(text, column, detail):
    with pytest.raises(SelectorError) as refused:
        parse(text)
    assert (refused.value.column, refused.value.text) == (column, text)
    assert detail in refused.value.detail


@pytest.mark.parametrize("form", ["{} == 'x'", "has({})"])
def test_a_label_name_has_at_most_512_bytes(form):
    assert parse(form.format("a" * 512)).labels() == {"a" * 512}
    with pytest.raises(SelectorError, match="at most 512 bytes"):
        parse(form.format("a" * 513))


def test_a_hundred_nested_parentheses_are_followed():
    assert parse("(" * 100 + "has(a)" + ")" * 100) == Has("a")


def test_parentheses_nested_too_deep_are_refused_at_the_one_too_many():
    with pytest.raises(SelectorError, match="column 101: parentheses nest deeper than 100"):
        parse("(" * 10_000)


def test_a_long_chain_is_no_deep_one():
    chain = parse(" || ".join(f"a == '{n}'" for n in range(5_000)))
    assert (chain.matches({"a": "4999"}), chain.matches({"a": "5000"})) == (True, False)


def test_the_same_text_is_parsed_once():
    assert parse("has(once)") is parse("has(once)")


@pytest.mark.parametrize(
    ("text", "equal", "different", "absent"),
    [
        ("a == 'x'", True, False, False),
        ("a != 'x'", False, True, True),
        ("a in {'x', 'z'}", True, False, False),
        ("a in {}", False, False, False),
        ("a not in {'x', 'z'}", False, True, True),
        ("a not in {}", True, True, True),
        ("has(a)", True, True, False),
        ("!has(a)", False, False, True),
        ("a contains 'x'", True, False, False),
        ("a contains ''", True, True, False),
        ("a starts with 'x'", True, False, False),
        ("a ends with 'x'", True, False, False),
        ("!(a contains 'x')", False, True, True),
        ("all()", True, True, True),
        ("global()", True, True, True),
    ],
)
def test_the_meaning_of_each_form(text, equal, different, absent):
    selector = parse(text)
    found = [selector.matches(labels) for labels in ({"a": "x"}, {"a": "y"}, {"b": "x"})]
    assert found == [equal, different, absent]


@pytest.mark.parametrize(
    ("text", "matching", "other"),
    [
        ("a contains 'bc'", "abcd", "acbd"),
        ("a starts with 'ab'", "abc", "cab"),
        ("a ends with 'bc'", "abc", "bca"),
        ("a == 'x'", "x", "X"),
    ],
)
def test_parts_of_values_are_compared_with_case(text, matching, other):
    selector = parse(text)
    assert (selector.matches({"a": matching}), selector.matches({"a": other})) == (True, False)


def test_the_labels_are_those_looked_at():
    assert parse("a == 'x' || !has(b) && c in {} && all()").labels() == {"a", "b", "c"}


def test_a_prefix_goes_before_every_label_name_and_no_value():
    selector = parse("!has(a) && (b in {'a'} || c contains 'a')")
    expected = '(!has(pcns.a) && (pcns.b in {"a"} || pcns.c contains "a"))'
    assert selector.prefixed("pcns.").canonical() == expected


def test_every_literal_all_is_replaced_and_no_global():
    replaced = parse("all() && !(all() || global())").replace_all(Has("ns"))
    assert replaced.canonical() == "(has(ns) && !(has(ns) || global()))"


def test_every_literal_global_is_replaced_and_no_all():
    replaced = parse("global() || all()").replace_global(Not(Has("ns")))
    assert replaced.canonical() == "(!has(ns) || all())"


def test_blank_text_is_a_literal_all():
    assert parse("").replace_all(Has("ns")) == Has("ns")


def test_composition_keeps_each_operand_a_group():
    composed = and_(parse("has(a) || has(b)"), not_(parse("has(c) && has(d)")))
    assert composed.canonical() == "((has(a) || has(b)) && !(has(c) && has(d)))"


def test_a_conjunction_of_one_is_itself_and_of_none_is_all():
    assert (and_(A_IS_X), and_()) == (A_IS_X, All())


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("known == 'x'", True),
        ("known != 'x'", False),
        ("unknown == 'x'", None),
        ("!has(unknown)", None),
        ("has(gone)", False),
        ("gone != 'x'", True),
        ("gone. == 'x'", None),
        ("pcsa.role == 'x'", False),
        ("pcsa.kept == 'x'", True),
        ("known == 'x' && unknown == 'x'", None),
        ("known == 'y' && unknown == 'x'", False),
        ("unknown == 'x' && known == 'y'", False),
        ("known == 'x' || unknown == 'x'", True),
        ("known == 'y' || unknown == 'x'", None),
        ("known == 'y' || has(gone)", False),
        ("!(unknown == 'x' || known == 'x')", False),
        ("unknown == 'x' || all()", True),
        ("!global()", False),
    ],
)
def test_a_match_with_few_labels_known_is_decided_where_it_can_be(text, verdict):
    known = {"known": "x", "pcsa.kept": "x"}
    absent = AbsentLabels(names=frozenset({"gone"}), prefixes=("pcsa.",))
    assert parse(text).match_unknown(known, absent) is verdict


def test_without_prefixes_only_the_named_labels_are_absent():
    absent = AbsentLabels(names=frozenset({"gone"}))
    assert [label in absent for label in ("gone", "other", "")] == [True, False, False]


def test_labels_may_be_absent_by_any_container():
    assert parse("has(a)").match_unknown({}, {"a"}) is False


PRESENT = LabelRestriction(must_be_present=True)


def one_of(*values):
    return LabelRestriction(must_be_present=True, must_have_one_of_values=frozenset(values))


@pytest.mark.parametrize(
    ("text", "restrictions"),
    [
        ("all()", {}),
        ("a == 'x'", {"a": one_of("x")}),
        ("a in {'x', 'y'}", {"a": one_of("x", "y")}),
        ("a in {}", {"a": one_of()}),
        ("has(a)", {"a": PRESENT}),
        ("a contains 'x'", {"a": PRESENT}),
        ("!has(a)", {"a": LabelRestriction(must_be_absent=True)}),
        ("!(a == 'x')", {}),
        ("a != 'x'", {}),
        ("a not in {'x'}", {}),
        ("a == 'x' && has(b)", {"a": one_of("x"), "b": PRESENT}),
        ("has(a) && a in {'x', 'y'} && a != 'y'", {"a": one_of("x", "y")}),
        ("a in {'x', 'y'} && a in {'y', 'z'}", {"a": one_of("y")}),
        ("a == 'x' && a == 'y'", {"a": one_of()}),
        ("a == 'x' || a == 'y'", {"a": one_of("x", "y")}),
        ("a == 'x' || has(a)", {"a": PRESENT}),
        ("a == 'x' || has(b)", {}),
        ("has(a) || !has(a)", {}),
        ("(a == 'x' && has(b)) || (a == 'y' && has(c))", {"a": one_of("x", "y")}),
    ],
)
def test_a_match_implies_restrictions_of_single_labels(text, restrictions):
    assert parse(text).restrictions() == restrictions


def test_trees_are_equal_by_structure_and_kind():
    assert (Equals("a", "x") == parse("a == 'x'"), Equals("a", "x") == NotEquals("a", "x")) == (
        True,
        False,
    )
