"""HeaderSpace against sets of points.

The model of a space is its set of points on a grid of three fields. A grid value stands for a class of
field values: 0, 1 and 2 for themselves, 3 for everything from 3 to the end of the domain. Spaces built
from classes are unions of cells, so they are equal exactly where their models are.
"""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family

FAMILY = Family.V4
FIELDS = (Field.PROTOCOL, Field.DST_PORT, Field.SRC)
CLASSES = range(4)
GRID = frozenset(product(CLASSES, repeat=len(FIELDS)))

Point = tuple[int, ...]
Model = frozenset[Point]


def values_of(classes: frozenset[int], field: Field) -> IntervalSet:
    ends = {3: field.top(FAMILY)}
    return IntervalSet.of(*((one, ends.get(one, one)) for one in classes))


def class_of(value: int) -> int:
    return min(value, 3)


def cell(box: dict[Field, IntervalSet]) -> Model:
    """The points of the grid that a box covers."""
    return frozenset(
        point
        for point in GRID
        if all(
            value in box.get(field, IntervalSet.of((0, field.top(FAMILY))))
            for field, value in zip(FIELDS, point, strict=True)
        )
    )


@st.composite
def boxes(draw: st.DrawFn) -> tuple[HeaderSpace, Model]:
    chosen = {
        field: draw(st.frozensets(st.sampled_from(CLASSES)))
        for field in draw(st.sets(st.sampled_from(FIELDS)))
    }
    box = {field: values_of(classes, field) for field, classes in chosen.items()}
    return HeaderSpace.box(FAMILY, box), cell(box)


Pair = tuple[HeaderSpace, Model]


def join(one: Pair, two: Pair) -> Pair:
    return one[0] | two[0], one[1] | two[1]


def meet(one: Pair, two: Pair) -> Pair:
    return one[0] & two[0], one[1] & two[1]


def less(one: Pair, two: Pair) -> Pair:
    return one[0] - two[0], one[1] - two[1]


def inverse(one: Pair) -> Pair:
    return ~one[0], GRID - one[1]


pairs = st.recursive(
    boxes(),
    lambda inner: st.one_of(
        st.builds(join, inner, inner),
        st.builds(meet, inner, inner),
        st.builds(less, inner, inner),
        st.builds(inverse, inner),
    ),
    max_leaves=8,
)


@given(pairs)
def test_a_packet_is_in_the_space_where_its_point_is_in_the_model(pair) -> None:
    space, model = pair
    found = {p for p in GRID if space.contains(dict(zip(FIELDS, p, strict=True)))}
    assert found == model


@given(pairs, pairs)
def test_spaces_are_equal_exactly_where_their_sets_are(one, two) -> None:
    assert (one[0] == two[0]) is (one[1] == two[1])


@given(pairs)
def test_equal_sets_built_anew_have_equal_hashes(pair) -> None:
    space, _ = pair
    rebuilt = HeaderSpace.union_all(FAMILY, [HeaderSpace.box(FAMILY, b) for b in space.boxes()])
    assert (rebuilt, hash(rebuilt)) == (space, hash(space))


@given(pairs, pairs)
def test_inclusion_and_emptiness_are_those_of_sets(one, two) -> None:
    assert (one[0] <= two[0], bool(one[0])) == (one[1] <= two[1], bool(one[1]))


@given(pairs, pairs, pairs)
def test_the_laws_of_a_boolean_algebra_hold(a, b, c) -> None:
    x, y, z = a[0], b[0], c[0]
    assert x & (y | z) == (x & y) | (x & z)
    assert ~(x | y) == ~x & ~y
    assert x - y == x & ~y
    assert x | (x & y) == x
    assert (~~x, x & ~x) == (x, HeaderSpace.nothing(FAMILY))


@given(st.lists(pairs, max_size=5))
def test_the_union_of_all_is_the_union_of_their_sets(listed) -> None:
    found = HeaderSpace.union_all(FAMILY, (space for space, _ in listed))
    expected = frozenset().union(*(model for _, model in listed))
    assert cell_union(found) == expected


def cell_union(space: HeaderSpace) -> Model:
    return frozenset().union(*(cell(box) for box in space.boxes()))


@given(pairs, st.sampled_from(range(len(FIELDS))))
def test_the_projection_has_the_values_of_some_packet(pair, at) -> None:
    space, model = pair
    expected = values_of(frozenset(point[at] for point in model), FIELDS[at])
    assert space.project(FIELDS[at]) == expected


@given(pairs, st.sets(st.sampled_from(range(len(FIELDS)))))
def test_forgetting_fields_frees_them_and_no_other(pair, positions) -> None:
    space, model = pair
    kept = [at for at in range(len(FIELDS)) if at not in positions]
    seen = {tuple(point[at] for at in kept) for point in model}
    expected = {point for point in GRID if tuple(point[at] for at in kept) in seen}
    assert cell_union(space.forget(*(FIELDS[at] for at in positions))) == expected


@given(pairs)
def test_the_boxes_are_disjoint_and_together_the_space(pair) -> None:
    space, model = pair
    cells = [cell(box) for box in space.boxes()]
    assert sum(map(len, cells)) == len(model)
    assert frozenset().union(*cells) == model


@given(pairs, st.dictionaries(st.sampled_from(FIELDS), st.lists(st.integers(0, 9), max_size=3)))
def test_a_sample_is_a_packet_of_the_space(pair, prefer) -> None:
    space, model = pair
    if space:
        sample = space.sample(prefer)
        assert space.contains(sample)
        assert tuple(class_of(sample[field]) for field in FIELDS) in model


@given(pairs, st.sampled_from(sorted(GRID)))
def test_a_preferred_packet_of_the_space_is_its_sample(pair, point) -> None:
    space, model = pair
    if point in model:
        wanted = dict(zip(FIELDS, point, strict=True))
        sample = space.sample({field: (value,) for field, value in wanted.items()})
        assert {field: sample[field] for field in FIELDS} == wanted


@given(pairs, st.sampled_from(FIELDS), st.frozensets(st.sampled_from(CLASSES)))
def test_restricting_a_field_is_meeting_its_box(pair, field, classes) -> None:
    values = values_of(classes, field)
    box = HeaderSpace.box(FAMILY, {field: values})
    assert pair[0].restrict(field, values) == pair[0] & box


bounded = st.builds(
    lambda a, b, c: (Bounds(must=a & b, may=a | c), a),
    *(pairs.map(lambda pair: pair[0]) for _ in range(3)),
)


@given(bounded, bounded)
def test_bounds_of_a_result_enclose_the_result_of_the_truths(one, two) -> None:
    results = [
        (one[0] & two[0], one[1] & two[1]),
        (one[0] | two[0], one[1] | two[1]),
        (one[0] - two[0], one[1] - two[1]),
        (~one[0], ~one[1]),
    ]
    assert all(bounds.must <= truth <= bounds.may for bounds, truth in results)
