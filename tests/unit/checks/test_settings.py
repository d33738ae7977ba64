"""Settings become what the checks work with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.checks.settings import (
    CheckSettings,
    Strictness,
    Unknown,
    check_settings,
    cluster_profile,
)
from service.errors import SettingsError
from service.net.prefixes import Family, parse_cidr
from service.policy.profile import DEFAULT_PROFILE, ClusterProfile, Dataplane, Release
from service.settings import Settings


def test_the_defaults_of_both_are_the_same() -> None:
    assert check_settings(Settings()) == CheckSettings()


def test_the_default_profile_is_the_newest_release() -> None:
    assert cluster_profile(Settings()) == DEFAULT_PROFILE


def test_what_no_object_tells_becomes_the_profile() -> None:
    settings = replace(
        Settings(),
        cluster_profile="v3.30",
        dataplane="ipvs",
        kube_proxy_node_port_addresses=("10.0.0.0/8",),
        service_routes=(("10.96.0.0/12", "w1"),),
    )

    assert cluster_profile(settings) == ClusterProfile(
        release=Release(30),
        dataplane=Dataplane.IPVS,
        node_port_addresses=(parse_cidr("10.0.0.0/8"),),
        routes=((parse_cidr("10.96.0.0/12"), "w1"),),
    )


def test_texts_are_read() -> None:
    settings = replace(
        Settings(),
        sources_trusted=("10.0.0.0/8", "fd00::/8"),
        apiserver_endpoints=(("10.96.0.1", 443),),
        apiserver_latent="reject",
        unknown="deny",
    )

    assert check_settings(settings) == CheckSettings(
        trusted=(parse_cidr("10.0.0.0/8"), parse_cidr("fd00::/8")),
        apiserver_endpoints=(((Family.V4, 0x0A600001), 443),),
        latent=Strictness.REJECT,
        unknown=Unknown.DENY,
    )


def test_a_network_that_calico_does_not_read_is_a_setting_at_fault() -> None:
    settings = replace(Settings(), sources_trusted=("::ffff:1.2.3.0/120",))

    with pytest.raises(SettingsError, match="IPv4-mapped"):
        check_settings(settings)
