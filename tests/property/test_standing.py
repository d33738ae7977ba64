"""Verdicts that follow changes are those of the world judged anew."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.checks.run import judged
from service.checks.settings import CheckSettings
from service.checks.standing import standing
from service.policy.world import World
from tests.factories import make_change
from tests.factories import raw as raw_object
from tests.property import engine_worlds as worlds
from tests.property.engine_reference import engine_world
from tests.property.test_engine_overlay import REPLACEMENTS, changes, rules

SETTINGS = CheckSettings()
CHECKS = {"nodeport-unguarded", "apiserver-lockout", "object-ignored"}
SERVICES = [
    raw_object(
        "Service",
        f"s{port}",
        api_version="v1",
        namespace="shop",
        spec={
            "type": "LoadBalancer",
            "externalTrafficPolicy": "Local",
            "healthCheckNodePort": port + 1,
            "ports": [{"port": 80, "nodePort": port, "protocol": "TCP"}],
        },
    )
    for port in (22, 80, 30080, 30082)
]
BROKEN = raw_object("GlobalNetworkPolicy", "broken", spec={"preDNAT": True, "selector": "role =="})


def told(verdicts):
    """The verdicts in an order of their own, without the fixes that an audit adds."""
    return sorted(
        (one.check, str(one.subject), one.key, one.reason, one.message, str(one.witness))
        for one in verdicts
    )


def anew(world):
    return told(judged(World(world.snapshot), SETTINGS, CHECKS))


@given(data=st.data())
def test_verdicts_that_follow_changes_are_those_of_the_world_judged_anew(data):
    world = engine_world([*data.draw(worlds.worlds(rules)), *SERVICES])
    now = standing(world, SETTINGS, CHECKS)
    for _ in range(3):
        kind = data.draw(st.sampled_from(["GlobalNetworkPolicy"] * 4 + sorted(REPLACEMENTS)))
        now = now.after(data.draw(changes(kind, now.world)))
        assert anew(now.world) == told(now.verdicts())


@given(data=st.data())
def test_a_policy_that_nobody_enforces_is_told_of_where_a_port_is_open(data):
    world = engine_world([*data.draw(worlds.worlds(rules)), *SERVICES])
    change = make_change(None, BROKEN)
    for _ in range(2):
        now = standing(world, SETTINGS, CHECKS).after(change)
        assert anew(now.world) == told(now.verdicts())
        world, change = now.world, make_change(BROKEN, None)
