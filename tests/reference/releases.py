"""What one release of Calico has and another has not.

Semantics: "Names", "Built-in tiers in this version" (historic), "Sort orders", "Failsafe ports"
(history). A release is told by its minor number.
"""

from collections.abc import Mapping
from dataclasses import replace

from tests.reference.policies import Policy

NEWEST = 34
_SINCE_AND_UNTIL = {
    "ClusterNetworkPolicy": range(32, 1000),
    "AdminNetworkPolicy": range(29, 32),
    "BaselineAdminNetworkPolicy": range(30, 32),
}
_KIND_PREFIXES = {
    "KubernetesNetworkPolicy": "knp.default.",
    "KubernetesAdminNetworkPolicy": "kanp.adminnetworkpolicy.",
    "KubernetesBaselineAdminNetworkPolicy": "kbanp.baselineadminnetworkpolicy.",
}
_LATE_PORTS = {5473: 15, 6443: 15}  # v3.14 got 6443 in one of its patches, so it is not modelled
_TCP = (179, 2379, 2380, 5473, 6443, 6666, 6667)


def knows(kind: str, minor: int) -> bool:
    """Does the release carry out policies of this kind of Kubernetes?"""
    return minor in _SINCE_AND_UNTIL[kind]


def of_release(policy: Policy, minor: int) -> Policy:
    """The policy as the release sees it: before v3.29 in the only tier, to v3.31 sorted otherwise."""
    if minor < 29:
        policy = replace(policy, tier="default")
    return policy if minor >= 32 else replace(policy, sorted_by=_stored_name(policy))


def _stored_name(policy: Policy) -> str:
    prefix = _KIND_PREFIXES.get(policy.kind) or ("default." if policy.tier == "default" else "")
    name = policy.name if policy.name.startswith(prefix) else prefix + policy.name
    return f"{policy.namespace}/{name}" if policy.namespace else name


def failsafes(minor: int) -> Mapping[str, list[Mapping[str, object]]]:
    """The default lists of a release."""
    tcp = [port for port in _TCP if minor >= _LATE_PORTS.get(port, 0)]
    return {
        "failsafeInboundHostPorts": [*_entries("TCP", [22, *tcp]), *_entries("UDP", [68])],
        "failsafeOutboundHostPorts": [*_entries("TCP", tcp), *_entries("UDP", [53, 67])],
    }


def _entries(protocol: str, ports: list[int]) -> list[Mapping[str, object]]:
    return [{"protocol": protocol, "port": port} for port in ports]
