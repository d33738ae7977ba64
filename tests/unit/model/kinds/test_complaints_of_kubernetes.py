"""What is complained of in objects of Kubernetes', word for word, with what to write instead."""

from __future__ import annotations

import pytest

from tests.factories import complaints, raw


def knp(**spec):
    version, spec = "networking.k8s.io/v1", {"podSelector": {}, **spec}
    return raw("NetworkPolicy", "p", api_version=version, namespace="d", spec=spec)


def sig(kind, version, **spec):
    spec = {"priority": 1, "subject": {"namespaces": {}}, **spec}
    return raw(kind, "p", api_version=f"policy.networking.k8s.io/{version}", spec=spec)


def cnp(**spec):
    return sig("ClusterNetworkPolicy", "v1alpha2", **{"tier": "Admin", **spec})


def crule(**fields):
    return cnp(ingress=[{"action": "Accept", "from": [{"namespaces": {}}], **fields}])


def to_port(**port):
    return crule(protocols=[{"tcp": {"destinationPort": port}}])


def arule(**fields):
    rule = {"action": "Allow", "from": [{"namespaces": {}}], **fields}
    return sig("AdminNetworkPolicy", "v1alpha1", ingress=[rule])


def endpoint_slice(**fields):
    return raw("EndpointSlice", api_version="discovery.k8s.io/v1", namespace="d", **fields)


def pod(**annotations):
    status = {"podIPs": [{"ip": "10.0.0.1"}]}
    spec = {"nodeName": "w1", "containers": []}
    return raw(
        "Pod", api_version="v1", namespace="d", annotations=annotations, spec=spec, status=status
    )


COMPLAINTS = [
    (
        knp(policyTypes=["ingress"]),
        [
            "schema /spec/policyTypes 'ingress' is no policy type: Ingress or Egress (write \"Ingress\")"
        ],
    ),
    (knp(policyTypes=["x"]), ["schema /spec/policyTypes 'x' is no policy type: Ingress or Egress"]),
    (
        knp(ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}]}]),
        ["schema /spec/ingress/0/from/0/ipBlock/except/0 10.0.0.0/8 is no part of 10.0.0.0/8"],
    ),
    (knp(ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/9"]}}]}]), []),
    (
        knp(ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.128.0.0/9"]}}]}]),
        [],
    ),
    (
        knp(ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["fd00::/9"]}}]}]),
        ["schema /spec/ingress/0/from/0/ipBlock/except/0 fd00::/9 is no part of 10.0.0.0/8"],
    ),
    (
        knp(ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["0.0.0.0/0"]}}]}]),
        ["schema /spec/ingress/0/from/0/ipBlock/except/0 0.0.0.0/0 is no part of 10.0.0.0/8"],
    ),
    (
        knp(ingress=[{"from": [{"ipBlock": {"cidr": "x", "except": ["10.0.0.0/8"]}}]}]),
        [
            "schema /spec/ingress/0/from/0/ipBlock/cidr 'x': a CIDR needs a prefix length, as in 10.0.0.0/8"
        ],
    ),
    (knp(ingress=[{"ports": [{"protocol": "TCP", "port": 80, "endPort": 80}]}]), []),
    (
        knp(ingress=[{"ports": [{"protocol": "TCP", "port": 80, "endPort": 79}]}]),
        ["schema /spec/ingress/0/ports/0/endPort the range 80-79 is none within 1 to 65535"],
    ),
    (knp(ingress=[{"ports": [{"protocol": "TCP", "port": 80, "endPort": 65535}]}]), []),
    (
        knp(ingress=[{"ports": [{"protocol": "TCP", "port": 80, "endPort": 65536}]}]),
        ["schema /spec/ingress/0/ports/0/endPort the range 80-65536 is none within 1 to 65535"],
    ),
    (
        knp(ingress=[{"ports": [{"protocol": "TCP", "port": "http", "endPort": 90}]}]),
        ["schema /spec/ingress/0/ports/0/endPort endPort needs a port, and that a number"],
    ),
    (
        knp(ingress=[{"ports": [{"protocol": "TCP", "port": 0}]}]),
        ["schema /spec/ingress/0/ports/0/port 0 is no port: 1 to 65535"],
    ),
    (
        knp(ingress=[{"ports": [{"protocol": "TCP", "port": "HTTP!"}]}]),
        ["schema /spec/ingress/0/ports/0/port 'HTTP!' is no name of a port"],
    ),
    (
        knp(ingress=[{"ports": [{"protocol": "TCP", "port": True}]}]),
        [
            "schema /spec/ingress/0/ports/0/port spec.ingress[0].ports[0].port is a Boolean, but a port number or a name is needed"
        ],
    ),
    (
        knp(ingress=[{"ports": [{"protocol": "tcp", "port": 80}]}]),
        [
            "schema /spec/ingress/0/ports/0/protocol 'tcp' is no protocol of a port: TCP, UDP or SCTP"
        ],
    ),
    (
        knp(podSelector={"matchExpressions": [{"key": "a", "operator": "In"}]}),
        ["schema /spec/podSelector/matchExpressions/0/values In needs values"],
    ),
    (
        knp(podSelector={"matchExpressions": [{"key": "a", "operator": "in", "values": ["b"]}]}),
        [
            "schema /spec/podSelector/matchExpressions/0/operator 'in' is no operator: In, NotIn, Exists, DoesNotExist (write \"In\")"
        ],
    ),
    (
        knp(
            podSelector={"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}
        ),
        ["schema /spec/podSelector/matchExpressions/0/values Exists takes no values"],
    ),
    (
        knp(podSelector={"matchExpressions": [{"key": "", "operator": "Exists"}]}),
        ["schema /spec/podSelector/matchExpressions/0 '' is no name of a label"],
    ),
    (cnp(priority=None), ["schema /spec/priority a priority is missing: 0 to 1000"]),
    (cnp(priority=0), []),
    (cnp(priority=1000), []),
    (cnp(priority=1001), ["schema /spec/priority 1001 is no priority: 0 to 1000"]),
    (cnp(priority=-1), ["schema /spec/priority -1 is no priority: 0 to 1000"]),
    (cnp(subject=None), ["schema /spec/subject a policy needs a subject"]),
    (cnp(subject={}), ["schema /spec/subject exactly one of namespaces, pods is needed"]),
    (
        cnp(subject={"namespaces": {}, "pods": {}}),
        ["schema /spec/subject exactly one of namespaces, pods is needed"],
    ),
    (cnp(tier="X"), ["schema /spec/tier 'X' is no tier: Admin or Baseline"]),
    (crule(name="a" * 100), []),
    (
        crule(name="a" * 101),
        ["schema /spec/ingress/0/name the name of a rule has at most 100 characters"],
    ),
    (
        crule(action="accept"),
        [
            "schema /spec/ingress/0/action 'accept' is no action: Accept, Deny, Pass (write \"Accept\")"
        ],
    ),
    (
        crule(action="Nope"),
        ["schema /spec/ingress/0/action 'Nope' is no action: Accept, Deny, Pass"],
    ),
    (
        crule(action=None),
        ["schema /spec/ingress/0/action a rule needs an action: Accept, Deny, Pass"],
    ),
    (to_port(number=80), []),
    (
        to_port(),
        [
            "schema /spec/ingress/0/protocols/0/tcp/destinationPort a destinationPort is either a number or a range"
        ],
    ),
    (
        to_port(number=80, range={"start": 1, "end": 2}),
        [
            "schema /spec/ingress/0/protocols/0/tcp/destinationPort a destinationPort is either a number or a range",
            'strict /spec/ingress/0/protocols/0/tcp/destinationPort/range/start unknown field "start"',
            'strict /spec/ingress/0/protocols/0/tcp/destinationPort/range/end unknown field "end"',
        ],
    ),
    (to_port(range={"start": 5, "end": 5}), []),
    (
        to_port(range={"start": 6, "end": 5}),
        [
            "schema /spec/ingress/0/protocols/0/tcp/destinationPort/range the range 6-5 ends before it starts"
        ],
    ),
    (
        to_port(range={"start": 0, "end": 5}),
        ["schema /spec/ingress/0/protocols/0/tcp/destinationPort/range 0 is no port: 1 to 65535"],
    ),
    (to_port(number=65535), []),
    (
        to_port(number=65536),
        [
            "schema /spec/ingress/0/protocols/0/tcp/destinationPort/number 65536 is no port: 1 to 65535"
        ],
    ),
    (
        crule(protocols=[{"destinationNamedPort": "HTTP!"}]),
        [
            "runtime /spec/ingress/0/protocols/0/destinationNamedPort 'HTTP!' is no name of a port: Calico cannot convert the rule"
        ],
    ),
    (arule(ports=[{"portNumber": {"protocol": "TCP", "port": 80}}]), []),
    (
        arule(ports=[{}]),
        ["schema /spec/ingress/0/ports/0 a port is one of portNumber, portRange, namedPort"],
    ),
    (
        arule(ports=[{"namedPort": "a", "portNumber": {"port": 1}}]),
        [
            "schema /spec/ingress/0/ports/0 a port is one of portNumber, portRange, namedPort",
            'strict /spec/ingress/0/ports/0/portNumber/port unknown field "port"',
        ],
    ),
    (
        arule(ports=[{"portNumber": {"protocol": "x", "port": 0}}]),
        [
            "schema /spec/ingress/0/ports/0/portNumber/protocol 'x' is no protocol of a port: TCP, UDP or SCTP",
            "schema /spec/ingress/0/ports/0/portNumber/port 0 is no port: 1 to 65535",
        ],
    ),
    (arule(ports=[{"portRange": {"protocol": "TCP", "start": 1, "end": 65535}}]), []),
    (
        arule(ports=[{"portRange": {"protocol": "TCP", "start": 2, "end": 1}}]),
        ["schema /spec/ingress/0/ports/0/portRange the range 2-1 ends before it starts"],
    ),
    (
        endpoint_slice(addressType="X", endpoints=[]),
        ["schema /addressType 'X' is no address type: IPv4, IPv6, FQDN"],
    ),
    (
        endpoint_slice(addressType="IPv4", endpoints=[{"addresses": ["x"]}]),
        ["schema /endpoints/0/addresses/0 'x': not an IP address"],
    ),
    (
        pod(**{"cni.projectcalico.org/allowedSourcePrefixes": "x"}),
        [
            'felix /metadata/annotations/cni.projectcalico.org~1allowedSourcePrefixes the annotation cni.projectcalico.org/allowedSourcePrefixes cannot be read, so Calico makes no endpoint: Expecting value: line 1 column 1 (char 0) (write ["10.0.0.0/8"])'
        ],
    ),
]


@pytest.mark.parametrize(("body", "expected"), COMPLAINTS)
def test_each_fault_is_told_by_who_complains_where_and_of_what(body, expected):
    assert expected == complaints(body)
