"""What the template of calico-node sets of Felix in its environment, as far as a verdict can depend on it.

Source: felix/config/env_var_loader.go (names in any case).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONTAINER = "calico-node"
_PREFIX = "felix_"
_FIELDS = (
    "allowIPIPPacketsFromWorkloads",
    "allowVXLANPacketsFromWorkloads",
    "bpfConnectTimeLoadBalancing",
    "bpfConnectTimeLoadBalancingEnabled",
    "bpfDataIfacePattern",
    "bpfEnabled",
    "bpfHostNetworkedNATWithoutCTLB",
    "bpfL3IfacePattern",
    "chainInsertMode",
    "defaultEndpointToHostAction",
    "failsafeInboundHostPorts",
    "failsafeOutboundHostPorts",
    "interfaceExclude",
    "interfacePrefix",
    "ipv6Support",
    "kubeNodePortRanges",
    "natOutgoingExclusions",
    "natPortRange",
    "nftablesFilterDenyAction",
    "nftablesMode",
    "serviceLoopPrevention",
    "wireguardEnabled",
    "wireguardEnabledV6",
    "workloadSourceSpoofing",
)
"""Fields of FelixConfiguration that the verdict of a first packet depends on; others are left alone."""
_NAMES = {f"{_PREFIX}{one.lower()}": one for one in _FIELDS} | {
    f"{_PREFIX}externalnodescidrlist": "externalNodesList"
}


def felix_settings(spec: object) -> dict[str, str | None]:
    """By field of FelixConfiguration, what the pod *spec* (raw) sets; None where the value is kept elsewhere."""
    return {
        _NAMES[str(one["name"]).lower()]: None if "valueFrom" in one else str(one.get("value", ""))
        for container in _containers(spec)
        for one in kept_environment(container)
    }


def kept_environment(container: Mapping[str, object]) -> list[Mapping[str, object]]:
    """The entries of the environment of a raw *container* that count: of calico-node's, those few."""
    entries = container.get("env")
    if container.get("name") != CONTAINER or not isinstance(entries, list):
        return []
    return [
        one for one in entries if isinstance(one, dict) and str(one.get("name")).lower() in _NAMES
    ]


def _containers(spec: object) -> Iterator[Mapping[str, object]]:
    listed = spec.get("containers") if isinstance(spec, dict) else None
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict):
            yield one
