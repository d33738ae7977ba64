"""Where Felix's programming is not what the chains say: other dataplanes, and failures.

Semantics: "Other dataplanes", "What a broken object does at run time", "FelixConfiguration".
"""

from collections.abc import Iterable, Mapping

from tests.reference.endpoints import Endpoint
from tests.reference.policies import Policy, Raw
from tests.reference.tiers import Attached

_LISTS = ("failsafeInboundHostPorts", "failsafeOutboundHostPorts")


def configuration(specs: Mapping[str, Raw], node: str, chosen: Iterable[str]) -> Raw:
    """The fields in force on a node: its own, over those chosen by selector, over default.

    `chosen` names the configurations whose nodeSelector selects the node.
    """
    names = ("default", *sorted(chosen), f"node.{node}")
    return {field: value for name in names for field, value in (specs.get(name) or {}).items()}


def dataplane(felix: Raw, interfaces: Iterable[str], told: str) -> str:
    """What carries out policies on a node: as `told`, unless that is "auto"."""
    if told != "auto":
        return told
    if felix.get("bpfEnabled"):
        return "bpf"
    if "kube-ipvs0" in interfaces:
        return "ipvs"
    modes = {"Enabled": "nftables", "Disabled": "iptables"}
    return modes.get(felix.get("nftablesMode") or "", "auto")


def failure(felix: Raw, attached: Mapping[Endpoint, Attached], plane: str) -> str:
    """Why the chains do not tell what happens on a node; "" where they do."""
    if plane == "ipvs" and felix.get("nftablesMode") == "Enabled":
        return "Felix in nftables mode beside IPVS is not modelled"
    entries = [entry for name in _LISTS for entry in felix.get(name) or ()]
    if any(str(entry.get("protocol")).lower() not in {"tcp", "udp"} for entry in entries):
        return "Felix refuses its configuration: a failsafe port is neither TCP nor UDP"
    if plane not in {"nftables", "auto"}:
        return ""
    if felix.get("nftablesFilterDenyAction") == "Reject" and any(
        not endpoint.is_workload for endpoint in attached
    ):
        return "nft refuses Reject with host endpoints: what was in force before stays"
    if any(_breaks_nft(policy) for lists in attached.values() for policy in _programmed(lists)):
        return "nft refuses ICMP type with code: what was in force before stays"
    return ""


def _programmed(lists: Attached) -> Iterable[Policy]:
    for tiers in (lists.untracked, lists.pre_dnat, lists.normal, lists.forward):
        for tier in tiers:
            yield from (policy for policy in tier.policies if not policy.staged)


def _breaks_nft(policy: Policy) -> bool:
    return any(
        criterion is not None and {"type", "code"} <= criterion.keys()
        for direction in policy.directions
        for rule in policy.rules[direction]
        for criterion in (rule.icmp, rule.not_icmp)
    )
