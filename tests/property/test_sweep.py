"""All ports asked at once, of the packets of a change alone, get the answers that each gets when asked anew."""

from __future__ import annotations

from hypothesis import event, example, given
from hypothesis import strategies as st

from service.checks.nodeport.comparison import touched
from service.checks.nodeport.intent import intents
from service.checks.nodeport.judge import Judge
from service.checks.nodeport.openings import all_openings
from service.checks.nodeport.question import Question
from service.checks.nodeport.sweep import Sweep
from service.checks.settings import CheckSettings
from service.net.headerspace import Bounds
from service.net.prefixes import parse_cidr
from service.policy.world import World
from tests.factories import make_change, make_prednat, raw
from tests.property import engine_worlds as worlds
from tests.property.engine_reference import FAMILIES, engine_world

NETS = ["10.0.0.0/8"], ["0.0.0.0/0"], ["fd00::/16"], *3 * [["203.0.113.0/24"]]
PORTS = [30080], [30081], ["30080:30082"], [80, 30080]
SETTINGS = (
    CheckSettings(),
    CheckSettings(permitted=(parse_cidr("10.0.0.0/8"), parse_cidr("fd00::/16"))),
    CheckSettings(proxies=(parse_cidr("203.0.113.0/24"),)),
)
FREE = worlds.arbitrary_rules | worlds.directed_rules()
ENDPOINTS = [
    raw("HostEndpoint", node, spec={"node": node, "interfaceName": "*"}) for node in ("w1", "w2")
]
END = make_prednat("end", order=9, selector="all()")
SERVICES = [
    raw(
        "Service",
        f"s{port}",
        api_version="v1",
        namespace="shop",
        spec={"type": "NodePort", "ports": [{"port": 80, "nodePort": port, "protocol": "TCP"}]},
    )
    for port in (80, 30080, 30081, 30082)
]
SOURCES = st.sampled_from(NETS).map(lambda nets: {"nets": nets}) | st.just({})
TO_PORTS = st.sampled_from(PORTS).map(
    lambda ports: {"protocol": "TCP", "destination": {"ports": ports}}
)
RULES = st.builds(
    lambda action, source, rest: {"action": action, "source": source, **rest},
    st.sampled_from(["Allow", "Allow", "Deny", "Pass"]),
    SOURCES,
    TO_PORTS | st.just({}),
)


@st.composite
def guards(draw, name):
    """A preDNAT policy that says something of ports, or of sources."""
    order = draw(st.sampled_from([1, 2, 3]))
    listed = draw(st.lists(RULES, min_size=1, max_size=3))
    return make_prednat(name, order=order, selector="all()", ingress=listed)


@st.composite
def changed_worlds(draw):
    """A world in which most ports are guarded, and the same after one guard has changed."""
    objects = draw(st.just([*worlds.STANDING, *ENDPOINTS]) | worlds.worlds(FREE))
    standing = [draw(guards("other")), *([END] if draw(st.integers(0, 4)) else [])]
    before, after = draw(guards("changed")), draw(st.none() | guards("changed"))
    return changed_world(objects, standing, before, after)


def changed_world(objects, standing, before, after):
    """The world of raw *objects* and policies, the same after a change of one, and which that is."""
    base = engine_world([*objects, *SERVICES]).snapshot
    for one in (*standing, before):
        base = base.with_change(make_change(None, one))
    old, change = World(base), make_change(before, after)
    return old, old.with_change(change), change.ref


def from_outside(action):
    """A guard that speaks of one net alone."""
    rule = {"action": action, "source": {"nets": ["203.0.113.0/24"]}}
    return make_prednat("changed", order=1, selector="all()", ingress=[rule])


LETS_THROUGH = changed_world(
    [*worlds.STANDING, *ENDPOINTS], [END], from_outside("Deny"), from_outside("Allow")
)


def _why(judge, answers, opening):
    """Why there is something to tell, in one word."""
    told = [one.reason for got in answers for one in intents(judge, got.guarding, opening)]
    return "harm" if any(one.guarding.harm.may for one in answers) else told[0]


@example(LETS_THROUGH, SETTINGS[1])
@given(changed_worlds(), st.sampled_from(SETTINGS))
def test_all_ports_asked_at_once_get_the_answers_of_each(changed, settings):
    base, world, ref = changed
    old, new = Judge(base, settings), Judge(world, settings)
    anew = Judge(World(world.snapshot), settings)
    for family in FAMILIES:
        asked = [Question(one, family) for one in all_openings(world, settings)]
        sweep = Sweep(old, new, asked, ref=ref, family=family)
        for nodes in touched(old, new, family):
            loud = sweep.loud(nodes.before, nodes.after)
            swept = sweep.swept(nodes.before, nodes.after)
            for question in asked:
                opening, packets = question.opening, question.packets
                before = [old.answer(way, opening) for way in nodes.before]
                ways = anew.ways_in(nodes.nodes[0], family)
                after = [anew.answer(way, opening) for way in ways]
                was = Bounds.union_all(family, (one.guarding.harm & packets for one in before))
                harms = [one.guarding.harm & packets for one in after]
                assert harms == [one.harm & packets for one in swept]
                assert [one - was for one in harms] == [one.fresh & packets for one in swept]
                was_quiet, is_quiet = (all(one.quiet for one in got) for got in (before, after))
                if was_quiet and not is_quiet:
                    event(f"a quiet port became loud: {_why(anew, after, opening)}")
                    assert loud & packets.may
                elif was_quiet and not loud & packets.may:
                    event("a quiet port stayed quiet")
