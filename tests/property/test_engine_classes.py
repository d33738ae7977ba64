"""Nodes that the checks judge in one are judged alike one by one, and as single ports are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.checks.nodeport.intent import intents
from service.checks.nodeport.judge import Judge
from service.checks.nodeport.openings import all_openings
from service.checks.settings import CheckSettings
from service.net.headerspace import Bounds, HeaderSpace
from tests.factories import raw
from tests.property import engine_worlds as worlds
from tests.property.engine_reference import FAMILIES, engine_world

SETTINGS = CheckSettings()
PORTS = (80, 443, 30080, 30081, 32767)
SERVICES = [
    raw(
        "Service",
        f"s{port}",
        api_version="v1",
        namespace="shop",
        spec={"type": "NodePort", "ports": [{"port": 80, "nodePort": port, "protocol": "TCP"}]},
    )
    for port in PORTS
]


@st.composite
def twins(draw):
    """A world in which nodes have endpoints that are alike, some but for a label."""
    objects = draw(worlds.worlds(worlds.arbitrary_rules | worlds.directed_rules()))
    own = [one for one in objects if one["kind"] == "HostEndpoint" and one["spec"]["node"] == "w1"]
    for hep in own:
        name = hep["metadata"]["name"].replace("w1", "w2")
        labels = draw(st.sampled_from([hep["metadata"]["labels"]] * 3 + [{"role": "edge"}]))
        addresses = [one for one in hep["spec"]["expectedIPs"] if not one.startswith("10.1.")]
        twin = {text: text.replace(".11", ".12").replace("::11", "::12") for text in addresses}
        spec = {**hep["spec"], "node": "w2", "expectedIPs": list(twin.values())}
        objects = [one for one in objects if one["metadata"]["name"] != name]
        objects.append({**hep, "metadata": {"name": name, "labels": labels}, "spec": spec})
    return objects


@given(twins())
def test_the_nodes_of_a_class_are_judged_as_its_first(objects):
    world = engine_world(objects)
    judge = Judge(world, SETTINGS)
    for family in FAMILIES:
        live = Bounds.exact(HeaderSpace.everything(family))
        for one in judge.classes(family):
            guards = [
                [entry.gate.guard(world, live) for entry in judge.ways_in(node, family)]
                for node in one.nodes
            ]
            assert [guards[0]] * len(guards) == guards


@given(twins())
def test_every_exposed_node_is_in_one_class(objects):
    judge = Judge(engine_world(objects), SETTINGS)
    for family in FAMILIES:
        nodes = sorted(node for one in judge.classes(family) for node in one.nodes)
        assert sorted(set(nodes)) == nodes


@given(twins())
def test_what_concerns_one_port_is_what_asking_about_it_alone_gives(objects):
    world = engine_world([*objects, *SERVICES])
    judge = Judge(world, SETTINGS)
    for family in FAMILIES:
        opened = list(all_openings(world, SETTINGS))
        every = Bounds.union_all(family, (one.packets(family) for one in opened))
        for entry in (entry for one in judge.classes(family) for entry in one.entries):
            whole = judge.guarding(entry, every)
            for opening in opened:
                packets = opening.packets(family)
                alone, cut = judge.guarding(entry, packets), whole.within(packets)
                assert (alone.harm, alone.let_through) == (cut.harm, cut.let_through)
                answer = judge.answer(entry, opening)
                assert alone == answer.guarding.within(packets)
                remarks = list(intents(judge, alone, opening))
                assert answer.quiet == (not alone.harm.may and not remarks)
