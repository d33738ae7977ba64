"""HeaderSpace and Bounds: what boxes, projections, samples and bounds are."""

import pytest

from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family

TCP = IntervalSet.single(6)
NET = IntervalSet.of((0x0A000000, 0x0AFFFFFF))
OTHER_NET = IntervalSet.of((0xC0A80000, 0xC0A8FFFF))


def box(**fields: IntervalSet) -> HeaderSpace:
    return HeaderSpace.box(Family.V4, {Field[name]: values for name, values in fields.items()})


EVERYTHING, NOTHING = HeaderSpace.everything(Family.V4), HeaderSpace.nothing(Family.V4)


def test_a_box_without_fields_is_everything() -> None:
    assert box() == EVERYTHING


def test_a_box_with_an_empty_field_is_nothing() -> None:
    assert box(PROTOCOL=TCP, SRC=IntervalSet.empty()) == NOTHING


def test_a_field_with_its_whole_domain_is_no_constraint() -> None:
    assert box(DST_PORT=IntervalSet.of((0, 65535)), PROTOCOL=TCP) == box(PROTOCOL=TCP)


@pytest.mark.parametrize("ports", [IntervalSet.single(65536), IntervalSet.single(-1)])
def test_a_value_outside_its_domain_is_refused(ports) -> None:
    with pytest.raises(ValueError, match="DST_PORT takes 0-65535"):
        box(DST_PORT=ports)


def test_families_do_not_combine() -> None:
    with pytest.raises(ValueError, match="V4 and V6"):
        _ = EVERYTHING | HeaderSpace.everything(Family.V6)


def test_spaces_of_two_families_are_not_equal() -> None:
    assert HeaderSpace.everything(Family.V6) != EVERYTHING


def test_the_same_set_built_in_two_ways_is_equal_and_hashes_alike() -> None:
    one = box(PROTOCOL=TCP, SRC=NET) | box(PROTOCOL=TCP, SRC=OTHER_NET)
    two = box(PROTOCOL=TCP) & box(SRC=NET | OTHER_NET)
    assert (one, hash(one)) == (two, hash(two))


def test_the_rest_after_an_exception_joins_it_to_the_whole() -> None:
    rest = box(SRC=NET) - box(PROTOCOL=TCP, DST_PORT=IntervalSet.single(80))
    excepted = box(PROTOCOL=TCP, DST_PORT=IntervalSet.single(80), SRC=NET)
    assert (rest | excepted, rest & excepted) == (box(SRC=NET), NOTHING)


def test_the_complement_of_everything_is_nothing() -> None:
    assert (~EVERYTHING, ~NOTHING, bool(NOTHING)) == (NOTHING, EVERYTHING, False)


def test_restricting_a_field_keeps_only_its_values() -> None:
    assert box(SRC=NET).restrict(Field.PROTOCOL, TCP) == box(SRC=NET, PROTOCOL=TCP)


def test_the_projection_is_the_union_over_all_other_fields() -> None:
    space = box(PROTOCOL=TCP, SRC=NET) | box(DST_PORT=IntervalSet.single(53), SRC=OTHER_NET)
    assert space.project(Field.SRC) == NET | OTHER_NET


def test_the_projection_of_a_free_field_is_its_domain() -> None:
    assert box(PROTOCOL=TCP).project(Field.DST_PORT).ranges == ((0, 65535),)


def test_the_projection_of_nothing_is_empty() -> None:
    assert NOTHING.project(Field.SRC) == IntervalSet.empty()


def test_forgetting_a_field_frees_it() -> None:
    assert box(PROTOCOL=TCP, SRC=NET).forget(Field.PROTOCOL) == box(SRC=NET)


def test_scattered_values_with_the_same_rest_share_a_box() -> None:
    ports = IntervalSet.of((80, 80), (443, 443), (8000, 8080))
    fields = {Field.PROTOCOL: TCP, Field.DST_PORT: ports, Field.SRC: NET | OTHER_NET}
    assert list(HeaderSpace.box(Family.V4, fields).boxes()) == [fields]


def test_everything_is_one_box_without_constraint() -> None:
    assert (list(EVERYTHING.boxes()), list(NOTHING.boxes())) == ([{}], [])


def test_a_sample_is_the_lowest_packet() -> None:
    sample = box(PROTOCOL=TCP, DST_PORT=IntervalSet.of((30080, 30090)), SRC=NET).sample()
    assert sample == dict.fromkeys(Field, 0) | {
        Field.PROTOCOL: 6,
        Field.DST_PORT: 30080,
        Field.SRC: 0x0A000000,
    }


def test_a_sample_takes_the_first_preferred_value_that_is_possible() -> None:
    prefer = {Field.SRC: (0xCB007109, 0x0A00000B, 0x0A00000C), Field.SRC_PORT: (40000,)}
    sample = box(SRC=NET).sample(prefer)
    assert (sample[Field.SRC], sample[Field.SRC_PORT]) == (0x0A00000B, 40000)


def test_a_preferred_value_outside_the_domain_is_passed_over() -> None:
    assert EVERYTHING.sample({Field.DST_PORT: (70000, 22)})[Field.DST_PORT] == 22


def test_nothing_has_no_sample() -> None:
    with pytest.raises(ValueError, match="empty"):
        NOTHING.sample()


def test_a_packet_is_judged_by_the_fields_that_matter() -> None:
    space = box(PROTOCOL=TCP, DST_PORT=IntervalSet.single(80))
    packets = [
        {Field.PROTOCOL: 6, Field.DST_PORT: 80},
        {Field.PROTOCOL: 6, Field.DST_PORT: 81},
        {Field.PROTOCOL: 1},
    ]
    assert [space.contains(packet) for packet in packets] == [True, False, False]


def test_a_packet_that_lacks_a_deciding_field_is_an_error() -> None:
    with pytest.raises(KeyError):
        box(DST_PORT=IntervalSet.single(80)).contains({Field.PROTOCOL: 6})


def test_the_union_of_no_spaces_is_nothing() -> None:
    assert HeaderSpace.union_all(Family.V4, []) == NOTHING


def test_the_text_of_a_space_shows_its_first_boxes() -> None:
    space = box(PROTOCOL=TCP, DST_PORT=IntervalSet.single(80))
    texts = (repr(space), repr(EVERYTHING), repr(NOTHING))
    assert texts == (
        "<HeaderSpace V4 PROTOCOL=6 DST_PORT=80>",
        "<HeaderSpace V4 everything>",
        "<HeaderSpace V4 nothing>",
    )


def test_a_hundred_thousand_sources_combine_exactly() -> None:
    left = IntervalSet.of(*((n * 1000, n * 1000 + 99) for n in range(100_000)))
    right = IntervalSet.of(*((n * 1000 + 50, n * 1000 + 149) for n in range(100_000)))
    space = (box(PROTOCOL=TCP) & box(SRC=left)) | box(SRC=right)
    assert space.project(Field.SRC) == left | right
    assert (space - box(SRC=right)).project(Field.SRC) == left - right


def test_a_small_set_and_a_huge_one_combine_exactly_in_either_order() -> None:
    huge = IntervalSet.of(*((n * 1000, n * 1000 + 99) for n in range(100_000)))
    small = IntervalSet.of((5, 5), (50_000, 51_020), (99_999_050, 99_999_200))
    one, two = box(PROTOCOL=TCP, SRC=huge), box(PROTOCOL=TCP, SRC=small)
    found = [one | two, two | one, one & two, two & one, one - two, two - one]
    values = [huge | small, huge | small, huge & small, huge & small, huge - small, small - huge]
    assert [space.project(Field.SRC) for space in found] == values


def test_bounds_that_no_set_can_keep_are_refused() -> None:
    with pytest.raises(ValueError, match="not within"):
        Bounds(must=box(SRC=NET), may=box(SRC=OTHER_NET))


def test_the_complement_of_bounds_swaps_them() -> None:
    bounds = Bounds(must=box(SRC=NET), may=box(SRC=NET | OTHER_NET))
    assert ~bounds == Bounds(must=~box(SRC=NET | OTHER_NET), may=~box(SRC=NET))


def test_exact_bounds_stay_exact() -> None:
    one, two = Bounds.exact(box(SRC=NET)), Bounds.exact(box(PROTOCOL=TCP))
    assert [b.is_exact for b in (one & two, one | two, one - two, ~one)] == [True] * 4


def test_what_is_surely_kept_by_a_difference_is_in_no_possible_exception() -> None:
    exception = Bounds(must=NOTHING, may=box(PROTOCOL=TCP))
    kept = Bounds.exact(box(SRC=NET)) - exception
    assert kept == Bounds(must=box(SRC=NET) - box(PROTOCOL=TCP), may=box(SRC=NET))


@pytest.mark.parametrize(
    ("fields", "protocols", "ports"),
    [
        ({}, (0, 255), (0, 65535)),
        ({Field.PROTOCOL: (6, 6)}, (6, 6), (0, 65535)),
        ({Field.DST_PORT: (80, 90)}, (0, 255), (80, 90)),
        ({Field.PROTOCOL: (6, 6), Field.DST_PORT: (80, 90), Field.SRC: (1, 9)}, (6, 6), (80, 90)),
    ],
)
def test_a_space_tells_its_protocols_and_ports(fields, protocols, ports) -> None:
    space = HeaderSpace.box(Family.V4, {one: IntervalSet.of(it) for one, it in fields.items()})
    expected = (IntervalSet.of(protocols), IntervalSet.of(ports))
    assert expected == space.protocols_and_ports()


def test_ports_that_hang_on_the_protocol_are_told_as_any() -> None:
    one, other = (
        HeaderSpace.box(
            Family.V4,
            {Field.PROTOCOL: IntervalSet.single(n), Field.DST_PORT: IntervalSet.single(n)},
        )
        for n in (6, 17)
    )
    protocols, ports = (one | other).protocols_and_ports()
    assert (IntervalSet.of((6, 6), (17, 17)), IntervalSet.of((0, 65535))) == (protocols, ports)


@pytest.mark.parametrize(
    ("boxes", "protocols"),
    [
        ([((0, 5), (80, 80))], [(0, 5)]),
        ([((0, 0), (80, 80)), ((1, 1), (81, 81))], [(0, 1)]),
        ([((6, 6), (80, 80)), ((7, 7), (81, 81)), ((9, 255), (80, 80))], [(6, 7), (9, 255)]),
        ([((0, 6), (80, 80)), ((8, 9), (81, 81)), ((10, 10), (82, 82))], [(0, 6), (8, 10)]),
    ],
)
def test_protocols_are_told_wherever_some_packet_has_them(boxes, protocols) -> None:
    spaces = (box(PROTOCOL=IntervalSet.of(one), DST_PORT=IntervalSet.of(two)) for one, two in boxes)
    found, _ = HeaderSpace.union_all(Family.V4, spaces).protocols_and_ports()
    assert IntervalSet.of(*protocols) == found


def test_bounds_are_exact_where_both_are_one_set_however_it_was_built() -> None:
    one = box(SRC=NET) | box(SRC=OTHER_NET)
    assert Bounds(one, box(SRC=NET | OTHER_NET)).is_exact
    assert not Bounds(box(SRC=NET), one).is_exact
