"""The engine's sets against the reference model, packet by packet: same decision, by the same rule."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property import engine_worlds as worlds
from tests.property.engine_reference import (
    FAMILIES,
    INTERFACES,
    Way,
    as_packet,
    drawn,
    engine_world,
    is_native,
    model_of,
    modelled,
    partition,
    samples,
    told,
)

GENERATORS = {
    "arbitrary": worlds.arbitrary_rules | worlds.directed_rules(),
    "directed": worlds.directed_rules(),
}
random_packets = st.lists(worlds.packet_fields, min_size=4, max_size=8)


def disagreements(objects, unseen, packets):
    """Packets of which the engine says something else than the model, which sees *unseen* as well."""
    world, model = engine_world(objects), model_of([*objects, *unseen])
    for way in Way:
        for interface in INTERFACES:
            for family in FAMILIES:
                found = partition(world, interface, way, family)
                asked = [*samples(found.parts), *(drawn(family, one) for one in packets)]
                for fields in filter(partial(is_native, family), asked):
                    expected = modelled(model, interface, way, as_packet(family, fields))
                    may = {told(one) for one in found.parts if one.space.may.contains(fields)}
                    must = {told(one) for one in found.parts if one.space.must.contains(fields)}
                    if not must <= {expected} <= may:
                        yield way.name, interface, as_packet(family, fields), expected, may, must


@pytest.mark.parametrize("generator", GENERATORS)
@given(data=st.data())
def test_every_packet_has_the_fate_that_the_model_gives_it(generator, data):
    objects = data.draw(worlds.worlds(GENERATORS[generator]))
    packets = data.draw(random_packets)
    assert [] == list(disagreements(objects, [], packets))


@given(worlds.worlds(GENERATORS["arbitrary"]), worlds.pods(), random_packets)
def test_pods_that_were_not_known_lead_to_nothing_outside_the_bounds(objects, pods, packets):
    assert [] == list(disagreements(objects, pods, packets))


@given(worlds.worlds(GENERATORS["directed"]))
def test_where_selectors_can_mean_hosts_only_every_part_is_exact(objects):
    world = engine_world(objects)
    inexact = [
        (way, interface, part)
        for way in Way
        for interface in INTERFACES
        for family in FAMILIES
        for part in partition(world, interface, way, family).parts
        if not part.space.is_exact
    ]
    assert [] == inexact
