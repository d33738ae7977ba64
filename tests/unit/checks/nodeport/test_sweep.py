"""What a change makes worse is found among the packets of the change alone, and is all that there is."""

from __future__ import annotations

from itertools import permutations

import pytest

from service.checks.nodeport.comparison import touched
from service.checks.nodeport.judge import Judge
from service.checks.nodeport.openings import all_openings
from service.checks.nodeport.question import Question
from service.checks.nodeport.sweep import Sweep, packets_of
from service.checks.settings import CheckSettings
from service.net.headerspace import Bounds
from service.net.prefixes import Family
from service.policy.world import World
from tests.factories import (
    make_change,
    make_felix_configuration,
    make_hep,
    make_node,
    make_prednat,
    make_service,
    make_snapshot,
)

SETTINGS = CheckSettings()
ALLOW, DENY = {"action": "Allow"}, {"action": "Deny"}
WEB = {"protocol": "TCP", "destination": {"ports": [30080]}}
RULES = (
    {**ALLOW, "source": {"nets": ["198.51.100.0/24"]}},
    {**ALLOW, **WEB, "source": {"notNets": ["198.51.100.0/25"]}},
    {**DENY, **WEB},
    {**DENY, "protocol": "UDP"},
)
LISTS = [(), *((one,) for one in RULES), *permutations(RULES, 2), RULES]
NODES = (
    make_node("w1", internal="10.0.0.11"),
    make_node("w2", internal="10.0.0.12"),
    make_hep("w1-eth0", labels={"on": "w1"}, expectedIPs=["10.0.0.11"]),
    make_hep("w2-eth0", node="w2", labels={"on": "w2"}, expectedIPs=["10.0.0.12"]),
    make_hep("w2-all", node="w2", interfaceName="*", labels={"on": "all"}),
    make_prednat("last", order=9, selector="on == 'w1'", ingress=[{**DENY, **WEB}]),
)
SERVICES = tuple(
    make_service(f"s{port}", ports=[{"port": 80, "nodePort": port, "protocol": protocol}])
    for port, protocol in ((30080, "TCP"), (30081, "TCP"), (30053, "UDP"))
)


def policy(rules, **spec):
    return make_prednat("guard", ingress=list(rules), **{"order": 1, **spec})


def compared(before, after, *others):
    """What is found by sweeping, and by asking anew: harm, and harm that is new, by each way in."""
    world = World(make_snapshot(*NODES, *SERVICES, *others, *([before] if before else ())))
    change = make_change(before, after)
    old, new = Judge(world, SETTINGS), Judge(world.with_change(change), SETTINGS)
    family = Family.V4
    asked = [Question(one, family) for one in all_openings(world, SETTINGS)]
    sweep = Sweep(old, new, asked, ref=change.ref, family=family)
    live = packets_of(asked, family)
    swept, anew = [], []
    for one in touched(old, new, family):
        was = Bounds.union_all(family, (old.guarding(way, live).harm for way in one.before))
        swept += [(found.harm, found.fresh) for found in sweep.swept(one.before, one.after)]
        harms = [new.guarding(way, live).harm for way in one.after]
        anew += [(harm, harm - was) for harm in harms]
    return swept, anew


@pytest.mark.parametrize("before", LISTS)
def test_a_change_of_rules_is_swept_as_if_all_were_asked_anew(before):
    for after in LISTS:
        swept, anew = compared(policy(before), policy(after))
        assert anew == swept


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (policy(RULES), policy(RULES, order=20)),
        (policy(RULES), policy(RULES, selector="on == 'w1'")),
        (policy(RULES), policy(RULES, selector="on == 'all'")),
        (policy(RULES, selector="on == 'all'"), policy(RULES)),
        (policy(RULES), policy(RULES[:1], selector="on == 'w2'")),
        (policy(RULES), policy(RULES, doNotTrack=True, preDNAT=None)),
        (None, policy(RULES)),
        (policy(RULES), None),
        (None, make_hep("w1-eth1", interfaceName="eth1", labels={"on": "w1"})),
        (NODES[2], make_hep("w1-eth0", labels={"on": "w1"}, expectedIPs=["10.0.0.99"])),
        (
            None,
            make_felix_configuration(failsafeInboundHostPorts=[{"protocol": "TCP", "port": 30081}]),
        ),
    ],
)
def test_any_change_is_swept_as_if_all_were_asked_anew(before, after):
    others = () if before is None or before.meta.ref.name == "guard" else (policy(RULES),)
    swept, anew = compared(before, after, *others)
    assert anew == swept != []
