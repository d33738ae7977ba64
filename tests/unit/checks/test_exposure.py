from __future__ import annotations

from service.checks.exposure import exposures
from service.checks.settings import CheckSettings
from service.policy.world import World
from tests.factories import make_hep, make_node, make_prednat, make_service, make_snapshot

NODE = make_node("w1", internal="10.0.0.11")
HEP = make_hep("w1-eth0", expectedIPs=["10.0.0.11"])
OFFICE = {"action": "Allow", "source": {"nets": ["198.51.100.0/24"]}}
REST = {"action": "Deny", "source": {"nets": ["128.0.0.0/1"]}}
WEB = make_service("web", ipFamilies=["IPv4"])


def row(*objects):
    (one,) = exposures(World(make_snapshot(*objects)), CheckSettings())
    return one.to_json()


def test_an_exposure_tells_the_sources_by_what_becomes_of_them():
    told = row(NODE, HEP, WEB, make_prednat(ingress=[OFFICE, REST]))
    assert (["198.51.100.0/24"], ["0.0.0.0/1"], ["w1"], "eth0") == (
        told["allowed"],
        told["undecided"],
        told["nodes"],
        told["interface"],
    )


def test_an_exposure_names_its_service_and_port():
    told = row(NODE, WEB)
    assert ("default/web", "30080", "TCP", 4) == (
        told["service"],
        told["node_port"],
        told["protocol"],
        told["family"],
    )


def test_sources_whose_fate_is_not_known_are_told_apart():
    by_pods = {"action": "Deny", "source": {"selector": "app == 'x'"}}
    told = row(NODE, HEP, WEB, make_prednat(ingress=[by_pods]))
    assert (True, ["10.0.0.11/32"]) == (bool(told["unknown"]), told["undecided"])
