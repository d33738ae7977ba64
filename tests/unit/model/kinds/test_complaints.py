"""What is complained of in objects of Calico's, word for word, with what to write instead."""

from __future__ import annotations

import pytest

from tests.factories import complaints, make_exception, raw


def calico(kind, **spec):
    return raw(kind, spec=spec)


def gnp(**rule):
    return calico("GlobalNetworkPolicy", ingress=[{"action": "Deny", **rule}])


COMPLAINTS = [
    (
        calico("GlobalNetworkPolicy", preDNAT=True, doNotTrack=True, applyOnForward=True),
        ["schema /spec/preDNAT preDNAT and doNotTrack exclude each other"],
    ),
    (
        calico(
            "GlobalNetworkPolicy", preDNAT=True, applyOnForward=True, egress=[{"action": "Deny"}]
        ),
        ["schema /spec/egress a preDNAT policy has no egress rules"],
    ),
    (
        calico(
            "GlobalNetworkPolicy", preDNAT=True, applyOnForward=True, types=["Ingress", "Egress"]
        ),
        ["schema /spec/types a preDNAT policy is not of type Egress"],
    ),
    (
        calico("GlobalNetworkPolicy", preDNAT=True),
        ["schema /spec/preDNAT preDNAT needs applyOnForward: true"],
    ),
    (
        calico("GlobalNetworkPolicy", doNotTrack=True),
        ["schema /spec/doNotTrack doNotTrack needs applyOnForward: true"],
    ),
    (
        calico("GlobalNetworkPolicy", types=["ingress"]),
        ["schema /spec/types 'ingress' is no policy type: Ingress or Egress (write \"Ingress\")"],
    ),
    (
        calico("GlobalNetworkPolicy", types=["in"]),
        ["schema /spec/types 'in' is no policy type: Ingress or Egress"],
    ),
    (
        calico("GlobalNetworkPolicy", types=[]),
        ["schema /spec/types types must name a direction, or be left out"],
    ),
    (
        gnp(action="deny"),
        [
            "schema /spec/ingress/0/action 'deny' is no action: Allow, Deny, Log, Pass (write \"Deny\")"
        ],
    ),
    (
        gnp(action="Drop"),
        ["schema /spec/ingress/0/action 'Drop' is no action: Allow, Deny, Log, Pass"],
    ),
    (
        gnp(action=""),
        ["schema /spec/ingress/0/action a rule needs an action: Allow, Deny, Log, Pass"],
    ),
    (
        gnp(ipVersion=5),
        [
            "schema /spec/ingress/0/ipVersion 5 is no IP version: 4 or 6",
            "felix /spec/ingress/0/ipVersion 5 is no IP version: 4 or 6",
        ],
    ),
    (
        gnp(protocol="tcp"),
        [
            "validator /spec/ingress/0/protocol the protocol 'tcp' is not in its exact case (Felix itself takes it) (write \"TCP\")"
        ],
    ),
    (
        gnp(protocol="foo"),
        [
            "validator /spec/ingress/0/protocol 'foo' is no protocol: ICMP, TCP, UDP, ICMPv6, SCTP, UDPLite or 1 to 255",
            "felix /spec/ingress/0/protocol 'foo' is no protocol: ICMP, TCP, UDP, ICMPv6, SCTP, UDPLite or 1 to 255",
        ],
    ),
    (
        gnp(protocol=True),
        [
            "schema /spec/ingress/0/protocol spec.ingress[0].protocol is a Boolean, but a protocol's name or number is needed",
            "decode /spec/ingress/0/protocol spec.ingress[0].protocol is a Boolean, but a protocol's name or number is needed",
        ],
    ),
    (gnp(protocol=256), ["decode /spec/ingress/0/protocol 256 is no protocol number (1 to 255)"]),
    (
        gnp(protocol="TCP", icmp={"type": 8}),
        ["schema /spec/ingress/0/icmp icmp needs the protocol ICMP or ICMPv6"],
    ),
    (
        gnp(protocol="ICMP", icmp={"type": 8, "code": 0}),
        [
            "dataplane /spec/ingress/0/icmp icmp with a type and a code: nftables refuses the rule that Felix writes for it, and with it every later policy update of the nodes where this policy is active (leave out the code, unless Felix runs in iptables mode)"
        ],
    ),
    (
        gnp(protocol="TCP", destination={"ports": [0]}),
        [
            "validator /spec/ingress/0/destination/ports/0 port 0 does not exist: ports are 1 to 65535",
            "felix /spec/ingress/0/destination/ports/0 port 0 does not exist: ports are 1 to 65535",
        ],
    ),
    (
        gnp(protocol="TCP", destination={"ports": ["9:5"]}),
        ["decode /spec/ingress/0/destination/ports/0 the port range 9:5 ends before it starts"],
    ),
    (
        gnp(protocol="TCP", destination={"ports": [70000]}),
        ["decode /spec/ingress/0/destination/ports/0 70000 is beyond the ports 1 to 65535"],
    ),
    (
        gnp(protocol="TCP", destination={"ports": ["1-5"]}),
        [
            "validator /spec/ingress/0/destination/ports/0 '1-5' is no valid port name (a range is written \"1:5\")",
            "felix /spec/ingress/0/destination/ports/0 '1-5' is no valid port name (a range is written \"1:5\")",
        ],
    ),
    (
        gnp(destination={"ports": [80]}),
        [
            "validator /spec/ingress/0/destination destination ports need the protocol TCP, UDP or SCTP (add protocol: TCP to the rule)",
            "felix /spec/ingress/0/destination destination ports need the protocol TCP, UDP or SCTP (add protocol: TCP to the rule)",
        ],
    ),
    (
        calico("HostEndpoint", node="w1"),
        ["schema /spec neither interfaceName nor expectedIPs says which interface is meant"],
    ),
    (
        calico("HostEndpoint", interfaceName="eth0"),
        [
            "schema /spec/node spec.node is missing: the endpoint belongs to no node",
            "felix /spec/node spec.node is missing: the endpoint belongs to no node",
        ],
    ),
    (
        calico("HostEndpoint", node="w1", interfaceName="a" * 16),
        [
            "schema /spec/interfaceName 'aaaaaaaaaaaaaaaa' is too long for an interface: 15 bytes",
            "validator /spec/interfaceName 'aaaaaaaaaaaaaaaa' is no interface name, and \"*\" is the only pattern",
            "felix /spec/interfaceName 'aaaaaaaaaaaaaaaa' is no interface name, and \"*\" is the only pattern",
        ],
    ),
    (
        calico("HostEndpoint", node="w1", interfaceName="eth*"),
        [
            "validator /spec/interfaceName 'eth*' is no interface name, and \"*\" is the only pattern",
            "felix /spec/interfaceName 'eth*' is no interface name, and \"*\" is the only pattern",
        ],
    ),
    (
        calico(
            "HostEndpoint",
            node="w1",
            interfaceName="eth0",
            ports=[{"name": "a", "port": 80, "protocol": "ICMP"}],
        ),
        ["validator /spec/ports/0/protocol a named port is of TCP, UDP or SCTP"],
    ),
    (
        calico(
            "HostEndpoint", node="w1", interfaceName="eth0", ports=[{"port": 0, "protocol": "TCP"}]
        ),
        [
            "schema /spec/ports/0/port 0 is no port: 1 to 65535",
            "validator /spec/ports/0/port 0 is no port: 1 to 65535",
            "felix /spec/ports/0/port 0 is no port: 1 to 65535",
            "validator /spec/ports/0/name a named port needs a name",
        ],
    ),
    (
        calico(
            "HostEndpoint",
            node="w1",
            interfaceName="eth0",
            ports=[{"name": "a", "port": 80, "protocol": "tcp"}],
        ),
        [
            "validator /spec/ports/0/protocol the protocol 'tcp' is not in its exact case (Felix itself takes it) (write \"TCP\")"
        ],
    ),
    (
        calico("FelixConfiguration", failsafeInboundHostPorts=[{"protocol": "TCP"}]),
        ["schema /spec/failsafeInboundHostPorts/0/port a failsafe entry needs a port"],
    ),
    (
        calico("FelixConfiguration", failsafeInboundHostPorts=[{"protocol": "SCTP", "port": 22}]),
        [
            "runtime /spec/failsafeInboundHostPorts/0 Felix cannot parse this failsafe entry, because of the protocol 'SCTP', and refuses to start (write TCP or UDP)"
        ],
    ),
    (
        calico(
            "FelixConfiguration",
            failsafeInboundHostPorts=[{"protocol": "TCP", "port": 22, "net": "x"}],
        ),
        [
            "runtime /spec/failsafeInboundHostPorts/0 Felix cannot parse this failsafe entry, because of its net, and refuses to start"
        ],
    ),
    (
        calico("FelixConfiguration", failsafeInboundHostPorts=[{"protocol": "TCP", "port": 70000}]),
        ["decode /spec/failsafeInboundHostPorts/0/port 70000 is beyond the ports 0 to 65535"],
    ),
    (
        calico("FelixConfiguration", natPortRange="9:5"),
        ["decode /spec/natPortRange the port range 9:5 ends before it starts"],
    ),
    (
        calico("FelixConfiguration", natPortRange=True),
        [
            "schema /spec/natPortRange spec.natPortRange is a Boolean, but a port number, a range or a name is needed",
            "decode /spec/natPortRange spec.natPortRange is a Boolean, but a port number, a range or a name is needed",
        ],
    ),
    (
        calico("FelixConfiguration", kubeNodePortRanges=["http"]),
        ["validator /spec/kubeNodePortRanges a range of node ports has no name"],
    ),
    (
        calico("FelixConfiguration", kubeNodePortRanges=[1, 2, 3, 4, 5, 6, 7, 8]),
        ["validator /spec/kubeNodePortRanges at most 7 ranges"],
    ),
    (
        calico("FelixConfiguration", nodeSelector="a =="),
        [
            "validator /spec/nodeSelector the nodeSelector does not parse: column 5: expected a quoted string, found the end"
        ],
    ),
    (calico("Tier", order=1), []),
    (
        raw("Tier", "default", spec={"order": 1}),
        ["schema /spec the tier default has order 1000000 and default action Deny"],
    ),
    (
        raw("Tier", "a" * 300, spec={"order": 1}),
        [
            "schema /metadata/name 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' is no name: lower-case DNS labels, at most 253 characters",
            "validator /metadata/name 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' is no tier name: one DNS label of at most 63 characters",
        ],
    ),
    (
        make_exception(
            "e",
            notBefore="2026-01-01T00:00:00Z",
            expires="2026-01-01T00:00:00Z",
            scope={"kind": "Service"},
        ),
        [
            "schema /spec/expires expires is not after notBefore",
            "schema /spec/scope scope needs a name or a namespace: an exception is never for all of a cluster",
        ],
    ),
    (
        make_exception("e", check=" ", notBefore="soon", scope={}),
        [
            "schema /spec/check check is needed",
            "schema /spec/notBefore 'soon' is no moment like 2026-12-24T00:00:00Z",
            "schema /spec/scope/kind kind is needed",
            "schema /spec/scope scope needs a name or a namespace: an exception is never for all of a cluster",
        ],
    ),
    (
        calico("IPPool", cidr="x"),
        [
            "validator /spec/cidr 'x': a CIDR needs a prefix length, as in 10.0.0.0/8",
            "felix /spec/cidr 'x': a CIDR needs a prefix length, as in 10.0.0.0/8",
        ],
    ),
    (
        calico("IPPool", cidr="10.0.0.0/16", ipipMode="always"),
        ["schema /spec/ipipMode 'always' is no ipipMode: Never, Always, CrossSubnet"],
    ),
    (
        calico("IPPool", cidr="fd00::/64", ipipMode="Always"),
        ["validator /spec/ipipMode there is no IPIP for IPv6"],
    ),
    (
        calico("IPPool", cidr="10.0.0.0/16", ipipMode="Always", vxlanMode="Always"),
        ["validator /spec/ipipMode ipipMode and vxlanMode exclude each other"],
    ),
    (
        calico(
            "Profile",
            ingress=[{"action": "Deny", "source": {"services": {"name": "a", "namespace": "b"}}}],
        ),
        [],
    ),
    (
        calico("GlobalNetworkSet", nets=["10.0.0.1/8", "x"]),
        [
            "validator /spec/nets/1 'x': not an IP address",
            "runtime /spec/nets/1 'x': not an IP address",
        ],
    ),
    (
        raw(
            "NetworkPolicy",
            "p",
            namespace="d",
            spec={"ingress": [{"action": "Deny", "source": {"services": {"name": "a"}}}]},
        ),
        [],
    ),
    (
        raw(
            "KubeControllersConfiguration",
            "default",
            spec={
                "controllers": {
                    "node": {
                        "hostEndpoint": {
                            "autoCreate": "yes",
                            "templates": [
                                {"interfaceCIDRs": ["x"]},
                                {"generateName": "a", "interfacePattern": "("},
                            ],
                        }
                    }
                }
            },
        ),
        [
            "validator /spec/controllers/node/hostEndpoint/autoCreate 'yes' is neither Enabled nor Disabled",
            "validator /spec/controllers/node/hostEndpoint/templates/0/interfaceCIDRs/0 'x': not an IP address",
            "runtime /spec/controllers/node/hostEndpoint/templates/0/interfaceCIDRs/0 'x': not an IP address",
        ],
    ),
]


@pytest.mark.parametrize(("body", "expected"), COMPLAINTS)
def test_each_fault_is_told_by_who_complains_where_and_of_what(body, expected):
    assert expected == complaints(body)
