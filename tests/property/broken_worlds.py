"""Clusters with the faults that people make: endpoints that lack, orders exchanged, halves forgotten."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.factories import raw

NODES = {"cp1": ("10.0.0.10", "fd00::10"), "w1": ("10.0.0.11", "fd00::11"), "w2": ("10.0.0.12", "")}
APPS = ("web", "db", "job")
PORTS = (8080, 5432, 9090)
NODE_PORTS = (30080, 30081)
SOURCES = ("198.51.100.0/24", "198.51.100.7/32", "10.0.0.0/24", "10.244.0.0/16", "0.0.0.0/0")
V3 = "projectcalico.org/v3"


def _node(name):
    body = raw("Node", name, api_version="v1", labels={"zone": "a" if name == "w2" else "b"})
    listed = [{"type": "InternalIP", "address": ip} for ip in NODES[name] if ip]
    return {**body, "spec": {"podCIDRs": ["10.244.0.0/16"]}, "status": {"addresses": listed}}


@st.composite
def endpoints(draw):
    found = []
    for name, addresses in NODES.items():
        form = draw(st.sampled_from(["none", "named", "named", "bare", "wildcard"]))
        if form != "none":
            spec = {"node": name, "interfaceName": "*" if form == "wildcard" else "eth0"}
            if form != "bare":
                spec["expectedIPs"] = [ip for ip in addresses if ip]
            if draw(st.booleans()) or form == "wildcard":
                spec["profiles"] = ["projectcalico-default-allow"]
            labels = {"role": draw(st.sampled_from(["node", "node", "edge"]))}
            found.append(raw("HostEndpoint", f"{name}-{form}", labels=labels, spec=spec))
    return found


@st.composite
def guard_rules(draw):
    rule = {"action": draw(st.sampled_from(["Allow", "Deny", "Deny", "Pass", "Log"]))}
    ports = draw(
        st.sampled_from([None, [30080], [30081], [30080, 30081], ["30000:32767"], [22], [10250]])
    )
    if ports:
        rule |= {
            "protocol": draw(st.sampled_from(["TCP", "TCP", "UDP"])),
            "destination": {"ports": ports},
        }
    source = draw(st.sampled_from([None, *SOURCES]))
    if source:
        rule["source"] = {"nets": [source]}
    return rule


@st.composite
def guards(draw, name):
    spec = {
        "selector": draw(
            st.sampled_from(["role == 'node'", "all()", "role == 'gone'", "has(role)"])
        ),
        "types": ["Ingress"],
        "ingress": draw(st.lists(guard_rules(), min_size=1, max_size=3)),
    }
    if draw(st.integers(0, 3)):
        spec |= {"preDNAT": True, "applyOnForward": True}
    if draw(st.integers(0, 3)):
        spec["order"] = draw(st.sampled_from([5, 10, 20, 1000]))
    if not draw(st.integers(0, 5)):
        spec["tier"] = draw(st.sampled_from(["security", "gone"]))
    if not draw(st.integers(0, 7)):
        spec["namespaceSelector"] = "env != 'prod'"
    return raw("GlobalNetworkPolicy", name, spec=spec)


@st.composite
def peer_rules(draw, side):
    peer = draw(
        st.sampled_from(
            [
                {"podSelector": {}},
                {"podSelector": {"matchLabels": {"app": "web"}}},
                {"podSelector": {"matchLabels": {"app": "db"}}},
                {"namespaceSelector": {}},
                {"ipBlock": {"cidr": "198.51.100.0/24"}},
            ]
        )
    )
    rule = {side: [peer]}
    port = draw(st.sampled_from([None, *PORTS, 53]))
    if port:
        rule["ports"] = [{"protocol": "UDP" if port == 53 else "TCP", "port": port}]
    return rule


@st.composite
def pair_policies(draw, name):
    types = draw(st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]))
    chosen = draw(st.sampled_from([{}, *({"matchLabels": {"app": app}} for app in APPS)]))
    spec = {"podSelector": chosen, "policyTypes": types}
    for type_, field, side in (("Ingress", "ingress", "from"), ("Egress", "egress", "to")):
        if type_ in types:
            spec[field] = draw(st.lists(peer_rules(side), max_size=2))
    namespace = draw(st.sampled_from(["shop", "shop", "dev"]))
    return raw(
        "NetworkPolicy", name, api_version="networking.k8s.io/v1", namespace=namespace, spec=spec
    )


@st.composite
def calico_rules(draw):
    rule = {"action": draw(st.sampled_from(["Allow", "Deny", "Pass", "Log"]))}
    port = draw(st.sampled_from([None, *PORTS]))
    if port:
        rule |= {"protocol": "TCP", "destination": {"ports": [port]}}
    source = draw(
        st.sampled_from(
            [
                None,
                {"selector": "app == 'web'"},
                {"nets": ["198.51.100.0/24"]},
                {"nets": ["10.244.0.0/16"]},
            ]
        )
    )
    if source:
        rule["source"] = source
    return rule


@st.composite
def calico_policies(draw, name):
    spec = {
        "selector": draw(st.sampled_from(["app == 'web'", "app == 'db'", "all()"])),
        "types": ["Ingress"],
        "ingress": draw(st.lists(calico_rules(), min_size=1, max_size=3)),
    }
    if draw(st.booleans()):
        spec["order"] = draw(st.sampled_from([10, 20, 1000]))
    return raw("NetworkPolicy", name, namespace="shop", spec=spec)


def _pod(app, namespace, ip, port):
    body = raw("Pod", f"{app}-0", api_version="v1", namespace=namespace, labels={"app": app})
    containers = [{"name": "main", "ports": [{"name": app, "containerPort": port}]}]
    return {
        **body,
        "spec": {"nodeName": "w1", "serviceAccountName": "default", "containers": containers},
        "status": {"phase": "Running", "podIPs": [{"ip": ip}]},
    }


DNS = _pod("dns", "kube-system", "10.244.0.2", 53)
DNS["metadata"]["labels"] = {"k8s-app": "kube-dns"}
DNS["spec"]["containers"][0]["ports"][0]["protocol"] = "UDP"


def _service(name, namespace, selector, **spec):
    return raw(
        "Service", name, api_version="v1", namespace=namespace, spec={"selector": selector, **spec}
    )


KUBE_DNS = _service(
    "kube-dns", "kube-system", {"k8s-app": "kube-dns"}, ports=[{"port": 53, "protocol": "UDP"}]
)
API = raw(
    "EndpointSlice",
    "kubernetes",
    api_version="discovery.k8s.io/v1",
    namespace="default",
    labels={"kubernetes.io/service-name": "kubernetes"},
    addressType="IPv4",
    ports=[{"name": "https", "port": 6443, "protocol": "TCP"}],
    endpoints=[{"addresses": ["10.0.0.10"]}],
)


def _standing():
    for name in ("shop", "dev", "kube-system", "default"):
        own = {"kubernetes.io/metadata.name": name}
        yield raw("Namespace", name, api_version="v1", labels=own)
        yield raw("ServiceAccount", "default", api_version="v1", namespace=name)


@st.composite
def worlds(draw):
    """The raw objects of a small cluster of which a good part is amiss."""
    found = [*_standing(), *map(_node, NODES), API, DNS, KUBE_DNS, *draw(endpoints())]
    for at, app in enumerate(APPS):
        found.append(_pod(app, "shop", f"10.244.1.{at + 5}", PORTS[at]))
    if draw(st.booleans()):
        found.append(_pod("tool", "dev", "10.244.2.5", 8080))
    names = draw(st.lists(st.sampled_from("abcd"), max_size=3, unique=True))
    found += [draw(guards(f"guard-{name}")) for name in names]
    names = draw(st.lists(st.sampled_from("abcd"), max_size=3, unique=True))
    found += [draw(pair_policies(f"pair-{name}")) for name in names]
    names = draw(st.lists(st.sampled_from("abcd"), max_size=2, unique=True))
    found += [draw(calico_policies(f"own-{name}")) for name in names]
    for port in draw(st.lists(st.sampled_from(NODE_PORTS), max_size=2, unique=True)):
        families = draw(st.sampled_from([["IPv4"], ["IPv4", "IPv6"]]))
        listed = [{"port": 80, "targetPort": 8080, "nodePort": port, "protocol": "TCP"}]
        found.append(
            _service(
                f"web-{port}",
                "shop",
                {"app": "web"},
                type="NodePort",
                ports=listed,
                ipFamilies=families,
            )
        )
    if draw(st.booleans()):
        action = draw(st.sampled_from(["Deny", "Pass"]))
        found.append(raw("Tier", "security", spec={"order": 100, "defaultAction": action}))
    found.append(raw("FelixConfiguration", "default", spec={"nftablesMode": "Disabled"}))
    return found
