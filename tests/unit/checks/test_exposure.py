from __future__ import annotations

from service.checks.exposure import exposures
from service.checks.settings import CheckSettings
from service.policy.world import World
from tests.factories import (
    make_felix_configuration,
    make_gnp,
    make_hep,
    make_node,
    make_prednat,
    make_service,
    make_snapshot,
)

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


PING = make_gnp(
    "ping",
    types=["Ingress"],
    ingress=[{"action": "Allow", "protocol": "ICMP", "icmp": {"type": 8, "code": 0}}],
)
NFT = make_felix_configuration(nftablesMode="Enabled")


def test_an_exposure_is_told_whole():
    told = row(NODE, HEP, WEB, make_prednat(ingress=[OFFICE, REST]))
    decisions = [(one["decision"], one["sources"], one["certain"]) for one in told["parts"]]
    assert [
        ("allow", ["198.51.100.0/24"], True),
        ("deny", ["128.0.0.0/2", "192.0.0.0/6", "196.0.0.0/7"], True),
        ("undecided", ["0.0.0.0/1"], True),
    ] == [(one, sources[:3], certain) for one, sources, certain in decisions]
    assert ("p0", [], [], 3) == (
        told["port"],
        told["unknown"],
        told["unknown_sources"],
        len(told["rules"]),
    )
    witness = told["parts"][0]["witness"]["flow"]
    assert ("198.51.100.0/24", 30080) == (told["allowed"][0], witness["port"])


def test_where_programming_is_stopped_nothing_of_an_exposure_is_sure():
    told = row(NODE, HEP, WEB, NFT, PING, make_prednat(ingress=[OFFICE, REST]))
    assert ([], [], [], ["0.0.0.0/0"]) == tuple(
        told[name] for name in ("allowed", "denied", "undecided", "unknown_sources")
    )
    assert [False] * 3 == [one["certain"] for one in told["parts"]]
    assert told["unknown"][0].startswith("what is in force on w1 is not known")
