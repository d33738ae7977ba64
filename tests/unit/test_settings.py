from __future__ import annotations

import os

import pytest

from service.errors import SettingsError
from service.settings import TABLE, Settings, load


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("NODEWARD_"):
            monkeypatch.delenv(name)


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Writes the settings file that the process is told to read."""

    def write(text):
        path = tmp_path / "nodeward.yaml"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setenv("NODEWARD_CONFIG", str(path))
        return path

    return write


def refusal():
    with pytest.raises(SettingsError) as caught:
        load()
    return str(caught.value)


def test_with_nothing_set_every_setting_has_its_default():
    assert Settings() == load()


def test_every_field_is_named_after_its_row():
    assert [row.attribute for row in TABLE] == list(Settings.__dataclass_fields__)


def test_the_environment_sets_a_list(monkeypatch):
    monkeypatch.setenv("NODEWARD_SOURCES_TRUSTED", "10.0.0.0/8, fd00::/8")
    assert ("10.0.0.0/8", "fd00::/8") == load().sources_trusted


def test_routes_are_networks_and_nodes(monkeypatch):
    monkeypatch.setenv("NODEWARD_SERVICE_ROUTES", "10.96.0.0/12=w1, fd00:96::/112 = w2")
    assert (("10.96.0.0/12", "w1"), ("fd00:96::/112", "w2")) == load().service_routes


def test_a_route_names_a_node(monkeypatch):
    monkeypatch.setenv("NODEWARD_SERVICE_ROUTES", "10.96.0.0/12")
    assert "is no CIDR=node" in refusal()


def test_an_endpoint_of_either_family_is_read(monkeypatch):
    monkeypatch.setenv("NODEWARD_APISERVER_ENDPOINTS", "192.0.2.1:6443,[2001:db8::1]:443")
    assert (("192.0.2.1", 6443), ("2001:db8::1", 443)) == load().apiserver_endpoints


def test_a_port_range_is_closed(monkeypatch):
    monkeypatch.setenv("NODEWARD_NODE_PORT_RANGE", "30000-30010")
    assert (30000, 30010) == load().node_port_range


def test_the_file_may_nest_or_dot_its_names(config):
    config("sources:\n  trusted: [10.0.0.0/8]\napiserver.port: 7443\n")
    settings = load()
    assert (("10.0.0.0/8",), 7443) == (settings.sources_trusted, settings.apiserver_port)


def test_the_environment_wins_over_the_file(config, monkeypatch):
    config("unknown: deny\n")
    monkeypatch.setenv("NODEWARD_UNKNOWN", "warn")
    assert "warn" == load().unknown


def test_an_empty_file_sets_nothing(config):
    config("")
    assert Settings() == load()


def test_a_mistyped_name_is_located_and_the_nearest_is_offered(config):
    path = config("sources:\n  trustd: []\n")
    expected = f"{path}:2:3: there is no setting sources.trustd; did you mean sources.trusted?"
    assert expected == refusal()


def test_a_name_given_twice_is_an_error(config):
    path = config("apiserver:\n  port: 1\napiserver.port: 2\n")
    assert f"{path}:3:17: apiserver.port is set twice" == refusal()


def test_a_group_without_names_is_an_error(config):
    path = config("sources: 10.0.0.0/8\n")
    assert f"{path}:1:10: a mapping of settings is expected" == refusal()


def test_a_mapping_as_value_is_an_error(config):
    path = config("unknown:\n  really: yes\n")
    assert f"{path}:2:3: text, a number or a list is expected" == refusal()


def test_a_file_that_is_no_yaml_is_an_error(config):
    path = config("a: [")
    assert refusal().startswith(f"{path}: while parsing")


def test_a_file_that_is_missing_is_an_error(monkeypatch):
    monkeypatch.setenv("NODEWARD_CONFIG", "/nowhere/nodeward.yaml")
    assert "No such file" in refusal()


def test_every_faulty_setting_is_told_at_once(monkeypatch):
    monkeypatch.setenv("NODEWARD_UNKNOWN", "perhaps")
    monkeypatch.setenv("NODEWARD_APISERVER_PORT", "0")
    assert refusal() == (
        "apiserver.port (NODEWARD_APISERVER_PORT): '0' is no whole number from 1 to 65535; "
        "unknown (NODEWARD_UNKNOWN): 'perhaps' is none of warn, deny"
    )


@pytest.mark.parametrize(
    ("variable", "text", "reason"),
    [
        ("NODEWARD_SOURCES_TRUSTED", "10.0.0.1/8", "10.0.0.1/8 has host bits set"),
        ("NODEWARD_SOURCES_TRUSTED", "ten", "'ten' does not appear to be an IPv4 or IPv6 network"),
        ("NODEWARD_NODE_PORT_RANGE", "2-1", "'2-1' is an empty range"),
        ("NODEWARD_NODE_PORT_RANGE", "30000", "'' is no whole number from 1 to 65535"),
        ("NODEWARD_APISERVER_ENDPOINTS", "fd00::1:6443", "an IPv6 endpoint is written [address]"),
        ("NODEWARD_APISERVER_ENDPOINTS", "host:6443", "does not appear to be an IPv4 or IPv6"),
        ("NODEWARD_APISERVER_PORT", "6_443", "'6_443' is no whole number"),
        ("NODEWARD_CLUSTER_PROFILE", "3.34", "'3.34' is no version like v3.34"),
    ],
)
def test_a_value_of_the_wrong_form_is_an_error(monkeypatch, variable, text, reason):
    monkeypatch.setenv(variable, text)
    assert reason in refusal()
