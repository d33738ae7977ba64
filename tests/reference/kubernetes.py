"""Kubernetes' own policies, told as Calico policies.

Semantics: "Kubernetes NetworkPolicy → Calico", "ClusterNetworkPolicy". Source:
libcalico-go/lib/backend/k8s/conversion/{conversion,clusternetworkpolicy}.go. A converted rule
carries the `index` of the rule that it comes from.
"""

from collections.abc import Iterator

from tests.reference.policies import Raw

_PODS = "projectcalico.org/orchestrator == 'k8s'"
_TIERS = {"Admin": "kube-admin", "Baseline": "kube-baseline"}
_ACTIONS = {"Accept": "Allow", "Allow": "Allow", "Deny": "Deny", "Pass": "Pass"}


class UnconvertibleError(ValueError):
    """One rule that the conversion refuses."""


def network_policy(raw: Raw) -> Raw:
    """A networking.k8s.io NetworkPolicy in Calico's form: tier default, order 1000."""
    spec = raw["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return {
        "kind": "KubernetesNetworkPolicy",
        "metadata": raw["metadata"],
        "spec": {
            "order": 1000,
            "selector": _pod_selector(spec.get("podSelector") or {}),
            "types": types,
            "ingress": list(_allow_rules(spec.get("ingress"), "source", "from")),
            "egress": list(_allow_rules(spec.get("egress"), "destination", "to")),
        },
    }


def _allow_rules(raws: list[Raw] | None, side: str, peers: str) -> Iterator[Raw]:
    """One rule for each peer and port of each original rule; one that fails drops whole."""
    for index, raw in enumerate(raws or ()):
        try:
            ports = [_port(port) for port in raw.get("ports") or ()] or [{}]
        except UnconvertibleError:
            continue
        for peer in raw.get(peers) or [{}]:
            for port in ports:
                yield _joined({"action": "Allow", "index": index, side: _peer(peer)}, port)


def _joined(rule: Raw, port: Raw) -> Raw:
    """The rule with the protocol and destination port of `port`."""
    if "ports" not in port:
        return {**rule, **port}
    destination = {**rule.get("destination", {}), "ports": port["ports"]}
    protocol = {"protocol": port["protocol"]} if "protocol" in port else {}
    return {**rule, **protocol, "destination": destination}


def _port(raw: Raw) -> Raw:
    protocol, port, end = raw.get("protocol", "TCP"), raw.get("port"), raw.get("endPort")
    if port is None:
        return {"protocol": protocol}
    if end is None:
        return {"protocol": protocol, "ports": [port]}
    if not isinstance(port, int):
        raise UnconvertibleError(f"a range from the named port {port}")
    return {"protocol": protocol, "ports": [f"{port}:{end}"]}


def _peer(raw: Raw) -> Raw:
    block = raw.get("ipBlock")
    if block:
        return {"nets": [block["cidr"]], "notNets": block.get("except") or []}
    if not raw:
        return {}
    entity = {"selector": _pod_selector(raw.get("podSelector") or {})}
    if raw.get("namespaceSelector") is not None:
        entity["namespaceSelector"] = _terms(raw["namespaceSelector"]) or "all()"
    return entity


def _pod_selector(raw: Raw) -> str:
    return " && ".join(filter(None, (_PODS, _terms(raw))))


def _terms(raw: Raw) -> str:
    """A Kubernetes label selector in Calico's language; "" where it is empty."""
    labels = sorted((raw.get("matchLabels") or {}).items())
    return " && ".join(
        [
            *(f"{key} == '{value}'" for key, value in labels),
            *(_expression(term) for term in raw.get("matchExpressions") or ()),
        ]
    )


def _expression(raw: Raw) -> str:
    key = raw["key"]
    values = ", ".join(f"'{value}'" for value in raw.get("values") or ())
    match raw["operator"]:
        case "In":
            return f"{key} in {{ {values} }}"
        case "NotIn":
            return f"{key} not in {{ {values} }}"
        case "Exists":
            return f"has({key})"
        case _:
            return f"! has({key})"


def cluster_network_policy(raw: Raw) -> Raw | None:
    """A ClusterNetworkPolicy in Calico's form; None where Calico ignores it."""
    spec = raw["spec"]
    subject = _subject(spec.get("subject") or {})
    if spec.get("tier") not in _TIERS or subject is None:
        return None
    ingress = list(_cluster_rules(spec.get("ingress"), "source", "from"))
    egress = list(_cluster_rules(spec.get("egress"), "destination", "to"))
    types = [name for name, rules in (("Ingress", ingress), ("Egress", egress)) if rules]
    return {
        "kind": "KubernetesClusterNetworkPolicy",
        "metadata": {"name": raw["metadata"]["name"]},
        "spec": {
            "tier": _TIERS[spec["tier"]],
            "order": spec["priority"],
            "types": types,
            "ingress": ingress,
            "egress": egress,
            **subject,
        },
    }


def admin_network_policy(raw: Raw) -> Raw | None:
    """An AdminNetworkPolicy, which v3.29 to v3.31 carry out."""
    spec = raw["spec"]
    head = {"tier": "adminnetworkpolicy", "order": spec["priority"]}
    return _predecessor("KubernetesAdminNetworkPolicy", raw, head)


def baseline_admin_network_policy(raw: Raw) -> Raw | None:
    """A BaselineAdminNetworkPolicy, which v3.30 and v3.31 carry out."""
    head = {"tier": "baselineadminnetworkpolicy", "order": 1000}
    return _predecessor("KubernetesBaselineAdminNetworkPolicy", raw, head)


def _predecessor(kind: str, raw: Raw, head: Raw) -> Raw | None:
    spec = raw["spec"]
    subject = _subject(spec.get("subject") or {})
    if subject is None:
        return None
    rules = {
        "ingress": list(_cluster_rules(spec.get("ingress"), "source", "from")),
        "egress": list(_cluster_rules(spec.get("egress"), "destination", "to")),
    }
    types = [name.capitalize() for name, found in rules.items() if found]
    metadata = {"name": raw["metadata"]["name"]}
    return {
        "kind": kind,
        "metadata": metadata,
        "spec": {**head, "types": types, **rules, **subject},
    }


def _subject(raw: Raw) -> Raw | None:
    """Namespaces, or pods in namespaces, as the two selectors of Calico."""
    if raw.get("namespaces") is not None:
        return {"selector": _PODS, "namespaceSelector": _terms(raw["namespaces"]) or "all()"}
    if raw.get("pods") is not None:
        return _pods_in_namespaces(raw["pods"])
    return None


def _pods_in_namespaces(raw: Raw) -> Raw:
    return {
        "selector": _pod_selector(raw.get("podSelector") or {}),
        "namespaceSelector": _terms(raw.get("namespaceSelector") or {}) or "all()",
    }


def _cluster_rules(raws: list[Raw] | None, side: str, peers: str) -> Iterator[Raw]:
    """The converted rules; one that fails denies everything, unless it would have accepted."""
    for index, raw in enumerate(raws or ()):
        try:
            yield from _cluster_rule({**raw, "index": index}, side, peers)
        except UnconvertibleError:
            if raw.get("action") in {"Deny", "Pass"}:
                yield {"action": "Deny", "index": index}


def _cluster_rule(raw: Raw, side: str, peers: str) -> list[Raw]:
    if raw["action"] not in _ACTIONS:
        raise UnconvertibleError(f"action {raw['action']}")
    ports = [_cluster_port(port) for port in raw.get("protocols") or raw.get("ports") or ()] or [{}]
    rule = {"action": _ACTIONS[raw["action"]], "index": raw["index"]}
    return [
        _joined({**rule, side: _cluster_peer(peer, side)}, port)
        for port in sorted(ports, key=lambda port: port.get("protocol", ""))
        for peer in raw[peers]
    ]


def _cluster_peer(raw: Raw, side: str) -> Raw:
    """Unlike a subject, `namespaces` is not limited to pods: network sets there match as well."""
    if side == "destination" and raw.get("networks"):
        return {"nets": raw["networks"]}
    if raw.get("namespaces") is not None:
        return {"namespaceSelector": _terms(raw["namespaces"]) or "all()"}
    if raw.get("pods") is not None:
        return _pods_in_namespaces(raw["pods"])
    raise UnconvertibleError("no peer that Calico supports")


def _cluster_port(raw: Raw) -> Raw:
    if "destinationNamedPort" in raw or "namedPort" in raw:
        return {"ports": [raw.get("destinationNamedPort") or raw["namedPort"]]}
    if "portNumber" in raw:
        port = raw["portNumber"]
        return {"protocol": port.get("protocol", "TCP"), "ports": [port["port"]]}
    if "portRange" in raw:
        port = raw["portRange"]
        span = f"{port['start']}:{port['end']}"
        return {"protocol": port.get("protocol", "TCP"), "ports": [span]}
    for protocol in ("tcp", "udp", "sctp"):
        if protocol in raw:
            return {"protocol": protocol, "ports": [_destination_port(raw[protocol])]}
    raise UnconvertibleError("no protocol that Calico supports")


def _destination_port(raw: Raw) -> str:
    port = raw["destinationPort"]
    if "number" in port:
        return str(port["number"])
    return f"{port['range']['start']}:{port['range']['end']}"


CLUSTER_WIDE = {
    "ClusterNetworkPolicy": cluster_network_policy,
    "AdminNetworkPolicy": admin_network_policy,
    "BaselineAdminNetworkPolicy": baseline_admin_network_policy,
}
"""The conversions of cluster-wide policies, by kind."""
