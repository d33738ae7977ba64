"""Host endpoints, tiers, network sets and configurations."""

from __future__ import annotations

import pytest

from service.model.kinds.felix_configuration import FailsafePort
from service.model.kinds.host_endpoint import EndpointPort
from service.model.kinds.kube_controllers_configuration import HostEndpointTemplate
from service.model.meta import Layer
from service.model.rule import Port
from service.net.prefixes import parse_ip, parse_network
from tests.factories import (
    decode,
    make_felix_configuration,
    make_hep,
    make_kube_controllers_configuration,
    make_tier,
    raw,
)


def problem_layers(kind, *, name="x", **spec):
    return [problem.layer for problem in decode(raw(kind, name, spec=spec)).problems]


def test_a_host_endpoint_is_read_in_full():
    hep = make_hep(
        labels={"role": "node"},
        expectedIPs=["10.0.0.11", "fd00::11"],
        profiles=["projectcalico-default-allow"],
        ports=[{"name": "kubelet", "protocol": "TCP", "port": 10250}],
    )
    assert ("w1", "eth0", False) == (hep.node, hep.interface_name, hep.automatic)
    assert (parse_ip("10.0.0.11"), parse_ip("fd00::11")) == hep.expected_ips
    assert (EndpointPort("kubelet", 6, 10250),) == hep.ports
    assert (("projectcalico-default-allow",), {"role": "node"}) == (hep.profiles, hep.meta.labels)


def test_an_endpoint_of_the_controllers_is_automatic():
    assert make_hep(labels={"projectcalico.org/created-by": "calico-kube-controllers"}).automatic


def test_addresses_that_felix_skips_are_left_out():
    one = decode(raw("HostEndpoint", spec={"node": "n", "expectedIPs": ["banana", "10.0.0.1"]}))
    assert (parse_ip("10.0.0.1"),) == one.obj.expected_ips
    assert [Layer.VALIDATOR, Layer.RUNTIME] == [problem.layer for problem in one.problems]


@pytest.mark.parametrize(
    ("port", "layers"),
    [
        ({"name": "a", "port": 80, "protocol": "ICMP"}, [Layer.VALIDATOR]),
        ({"port": 80, "protocol": "TCP"}, [Layer.VALIDATOR]),
        (
            {"name": "a", "port": 70000, "protocol": "TCP"},
            [Layer.SCHEMA, Layer.VALIDATOR, Layer.FELIX],
        ),
    ],
)
def test_named_ports_of_an_endpoint_are_validated(port, layers):
    spec = {"node": "n", "interfaceName": "*", "ports": [port]}
    assert layers == problem_layers("HostEndpoint", **spec)


def test_a_tier_without_order_sorts_as_one_million():
    assert (None, 1_000_000.0) == (make_tier().order, make_tier().effective_order)


def test_a_tier_with_an_order_sorts_by_it():
    assert (5.0, "Pass") == (
        make_tier(order=5).effective_order,
        make_tier(defaultAction="Pass").default_action,
    )


@pytest.mark.parametrize("name", ["default", "kube-admin", "kube-baseline"])
def test_built_in_tiers_cannot_be_written_without_their_order(name):
    assert Layer.SCHEMA in problem_layers("Tier", name=name)


@pytest.mark.parametrize("kind", ["NetworkSet", "GlobalNetworkSet"])
def test_the_nets_of_a_set_are_masked_and_may_be_bare_addresses(kind):
    nets = ["10.0.0.5/8", "192.0.2.1", "banana"]
    expected = (parse_network("10.0.0.0/8"), parse_network("192.0.2.1/32"))
    assert expected == decode(raw(kind, spec={"nets": nets})).obj.nets


def test_unset_failsafes_differ_from_none_at_all():
    config = make_felix_configuration(failsafeInboundHostPorts=[])
    assert ((), None) == (config.failsafe_inbound, config.failsafe_outbound)


def test_failsafes_are_read_with_their_nets():
    listed = [{"protocol": "tcp", "port": 22, "net": "10.0.0.0/8"}, {"protocol": "UDP", "port": 53}]
    assert (
        FailsafePort(6, 22, parse_network("10.0.0.0/8")),
        FailsafePort(17, 53),
    ) == make_felix_configuration(failsafeOutboundHostPorts=listed).failsafe_outbound


@pytest.mark.parametrize(
    "entry",
    [
        {"port": 22},
        {"protocol": "SCTP", "port": 22},
        {"protocol": "http", "port": 22},
        {"protocol": "TCP", "port": 22, "net": "banana"},
    ],
)
def test_a_failsafe_that_felix_cannot_parse_is_fatal(entry):
    one = decode(raw("FelixConfiguration", "default", spec={"failsafeInboundHostPorts": [entry]}))
    assert [True] == [port.fatal for port in one.obj.failsafe_inbound]
    assert [Layer.RUNTIME] == [problem.layer for problem in one.problems]


def test_the_settings_of_felix_are_read():
    config = make_felix_configuration(
        bpfEnabled=True,
        ipv6Support=False,
        interfacePrefix="cali,tap",
        nftablesMode="Enabled",
        kubeNodePortRanges=["30000:32767", 40000],
        natPortRange="1024:2048",
        externalNodesList=["192.0.2.0/24"],
    )
    assert (True, False, "cali,tap", "Enabled") == (
        config.bpf_enabled,
        config.ipv6_support,
        config.interface_prefix,
        config.nftables_mode,
    )
    assert (Port(30000, 32767), Port(40000, 40000)) == config.kube_node_port_ranges
    assert (Port(1024, 2048), (parse_network("192.0.2.0/24"),)) == (
        config.nat_port_range,
        config.external_nodes,
    )


@pytest.mark.parametrize(
    ("spec", "layers"),
    [
        ({"kubeNodePortRanges": [1, 2, 3, 4, 5, 6, 7, 8]}, [Layer.VALIDATOR]),
        ({"kubeNodePortRanges": [0]}, [Layer.VALIDATOR]),
        ({"nodeSelector": "a ="}, [Layer.SCHEMA, Layer.VALIDATOR]),
        ({"nftablesFilterDenyAction": "reject"}, [Layer.DATAPLANE]),
        ({"chainInsertMode": "prepend"}, [Layer.SCHEMA]),
    ],
)
def test_settings_that_calico_refuses_are_told(spec, layers):
    assert layers == problem_layers("FelixConfiguration", name="default", **spec)


@pytest.mark.parametrize(
    "spec", [{}, {"healthChecks": "Disabled"}, {"controllers": {}}, {"controllers": {"node": {}}}]
)
def test_host_endpoints_are_not_automatic_unless_told(spec):
    config = decode(raw("KubeControllersConfiguration", "default", spec=spec)).obj
    assert (False, True, ()) == (config.auto_create, config.create_default, config.templates)


def test_templates_of_host_endpoints_are_read():
    config = make_kube_controllers_configuration(
        autoCreate="Enabled",
        createDefaultHostEndpoint="Disabled",
        templates=[
            {
                "generateName": "edge",
                "interfaceCIDRs": ["10.0.0.0/8"],
                "interfacePattern": "eth1",
                "labels": {"edge": "true"},
                "annotations": {"a": "b"},
                "nodeSelector": "has(edge)",
            }
        ],
    )
    assert (True, False) == (config.auto_create, config.create_default)
    assert (
        HostEndpointTemplate(
            "edge",
            (parse_network("10.0.0.0/8"),),
            "eth1",
            {"edge": "true"},
            {"a": "b"},
            "has(edge)",
        ),
    ) == config.templates


def test_a_template_whose_selector_does_not_parse_makes_nothing():
    spec = {"controllers": {"node": {"hostEndpoint": {"templates": [{"nodeSelector": "a ="}]}}}}
    one = decode(raw("KubeControllersConfiguration", "default", spec=spec))
    assert () == one.obj.templates
    assert [Layer.VALIDATOR, Layer.RUNTIME] == [problem.layer for problem in one.problems]


def test_a_switch_that_is_neither_on_nor_off_is_refused_by_calico():
    spec = {"controllers": {"node": {"hostEndpoint": {"autoCreate": "enabled"}}}}
    one = decode(raw("KubeControllersConfiguration", "default", spec=spec))
    assert (False, [Layer.VALIDATOR]) == (one.obj.auto_create, [p.layer for p in one.problems])
