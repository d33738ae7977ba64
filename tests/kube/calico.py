"""The schemas of Calico's kinds, in words of our own: what an API server refuses, defaults and prunes.

They hold what `docs/semantics.md` says of layer S, and `test_crds.py` compares them with what
Calico's own definitions were measured to do.
"""

from __future__ import annotations

from tests.kube.schema import (
    BOOLEAN,
    INT_OR_STRING,
    LABEL_SELECTOR,
    NUMBER,
    STRING_MAP,
    Schema,
    a_set,
    fields,
    in_any_case,
    integer,
    items,
    text,
)

_SELECTOR = text(max_length=1024)
_NETS = items(text(max_length=64), high=256)
_PORTS = items(INT_OR_STRING, high=50)


def _no_global(field: str) -> str:
    return f"!has(self.{field}) || !self.{field}.contains('global(')"


def _not_with_services(field: str) -> str:
    return f"!has(self.services) || !has(self.{field}) || size(self.{field}) == 0"


_ENTITY = fields(
    {
        "nets": _NETS,
        "notNets": _NETS,
        "selector": _SELECTOR,
        "notSelector": _SELECTOR,
        "namespaceSelector": _SELECTOR,
        "services": fields({"name": text(), "namespace": text()}, required=("name",)),
        "ports": _PORTS,
        "notPorts": _PORTS,
        "serviceAccounts": fields({"names": items(text()), "selector": _SELECTOR}),
    },
    rules=(
        _no_global("selector"),
        *map(
            _not_with_services,
            ("selector", "notSelector", "namespaceSelector", "nets", "notNets"),
        ),
        "!has(self.services) || !has(self.serviceAccounts)",
    ),
)

_ICMP = fields(
    {"type": integer(0, 254), "code": integer(0, 255)},
    rules=("!has(self.code) || has(self.type)",),
)


_TCP = ("'TCP'", "6")
_ICMP_4 = ("'ICMP'", "1")
_ICMP_6 = ("'ICMPv6'", "58")


def _is_protocol(field: str, *spellings: str) -> str:
    """CEL: whether the field is there and is one of the spellings (of type string or number)."""
    either = " || ".join(f"self.{field} == {one}" for one in spellings)
    return f"(has(self.{field}) && ({either}))"


def _of_family(field: str) -> str:
    v4, v6 = _is_protocol(field, *_ICMP_4), _is_protocol(field, *_ICMP_6)
    return f"!has(self.ipVersion) || ((!{v4} || self.ipVersion == 4) && (!{v6} || self.ipVersion == 6))"


_RULE = fields(
    {
        "action": text("Allow", "Deny", "Log", "Pass"),
        "ipVersion": integer(only=(4, 6)),
        "protocol": INT_OR_STRING,
        "notProtocol": INT_OR_STRING,
        "icmp": _ICMP,
        "notICMP": _ICMP,
        "source": _ENTITY,
        "destination": _ENTITY,
        "http": fields(
            {
                "methods": items(text(), high=20),
                "paths": items(fields({"exact": text(), "prefix": text()}), high=20),
            }
        ),
        "metadata": fields({"annotations": STRING_MAP}),
    },
    required=("action",),
    rules=(
        f"!has(self.icmp) || {_is_protocol('protocol', *_ICMP_4, *_ICMP_6)}",
        _of_family("protocol"),
        _of_family("notProtocol"),
        "!has(self.http) || self.action == 'Allow'",
        f"!has(self.http) || !has(self.protocol) || {_is_protocol('protocol', *_TCP)}",
        (
            "!has(self.destination) || !has(self.destination.services)"
            " || ((!has(self.destination.ports) || size(self.destination.ports) == 0)"
            " && (!has(self.destination.notPorts) || size(self.destination.notPorts) == 0))"
        ),
    ),
)

_STAGED = {"stagedAction": text("Set", "Delete", "Learn", "Ignore", default="Set")}

_POLICY = {
    "tier": text(default="default"),
    "order": NUMBER,
    "selector": _SELECTOR,
    "serviceAccountSelector": _SELECTOR,
    "types": a_set(text("Ingress", "Egress"), low=1, high=2),
    "ingress": items(_RULE, high=1024),
    "egress": items(_RULE, high=1024),
    "performanceHints": items(text("AssumeNeededOnEveryNode")),
}
_POLICY_RULES = tuple(map(_no_global, ("selector", "serviceAccountSelector")))

_GLOBAL_POLICY = _POLICY | {
    "namespaceSelector": _SELECTOR,
    "doNotTrack": BOOLEAN,
    "preDNAT": BOOLEAN,
    "applyOnForward": BOOLEAN,
}
_PRE_DNAT = "(has(self.preDNAT) && self.preDNAT)"
_UNTRACKED = "(has(self.doNotTrack) && self.doNotTrack)"
_GLOBAL_POLICY_RULES = (
    *_POLICY_RULES,
    _no_global("namespaceSelector"),
    f"!({_PRE_DNAT} && {_UNTRACKED})",
    f"!{_PRE_DNAT} || !has(self.egress) || size(self.egress) == 0",
    f"!{_PRE_DNAT} || !has(self.types) || !self.types.exists(t, t == 'Egress')",
    f"!({_PRE_DNAT} || {_UNTRACKED}) || (has(self.applyOnForward) && self.applyOnForward)",
)

_PEERS = items(
    fields(
        {
            "podSelector": LABEL_SELECTOR,
            "namespaceSelector": LABEL_SELECTOR,
            "ipBlock": fields({"cidr": text(), "except": items(text())}, required=("cidr",)),
        }
    )
)
_PEER_PORTS = items(fields({"protocol": text(), "port": INT_OR_STRING, "endPort": integer()}))

_FAILSAFES = items(
    fields({"protocol": text(), "port": integer(), "net": text()}, required=("port",))
)
_ACTION = in_any_case("Accept", "Return")
_DENIAL = in_any_case("Drop", "Reject")

FELIX = fields(
    {
        "nodeSelector": text(),
        "failsafeInboundHostPorts": _FAILSAFES,
        "failsafeOutboundHostPorts": _FAILSAFES,
        "defaultEndpointToHostAction": in_any_case("Drop", "Accept", "Return"),
        "iptablesFilterAllowAction": _ACTION,
        "iptablesMangleAllowAction": _ACTION,
        "iptablesFilterDenyAction": _DENIAL,
        "nftablesFilterAllowAction": _ACTION,
        "nftablesMangleAllowAction": _ACTION,
        "nftablesFilterDenyAction": _DENIAL,
        "nftablesMode": text("Enabled", "Disabled", "Auto", default="Auto"),
        "nftablesFlowTableOffload": text("Enabled", "Disabled", default="Disabled"),
        "chainInsertMode": in_any_case("insert", "append"),
        "interfacePrefix": text(),
        "interfaceExclude": text(),
        "kubeNodePortRanges": items(INT_OR_STRING, high=7),
        "natPortRange": INT_OR_STRING,
        "natOutgoingExclusions": text("IPPoolsOnly", "IPPoolsAndHostIPs"),
        "disableConntrackInvalidCheck": BOOLEAN,
        "allowVXLANPacketsFromWorkloads": BOOLEAN,
        "allowIPIPPacketsFromWorkloads": BOOLEAN,
        "workloadSourceSpoofing": in_any_case("Disabled", "Any"),
        "serviceLoopPrevention": in_any_case("Drop", "Reject", "Disabled"),
        "ipv6Support": BOOLEAN,
        "externalNodesList": items(text()),
        "bpfEnabled": BOOLEAN,
        "bpfConnectTimeLoadBalancing": text("TCP", "Enabled", "Disabled"),
        "bpfConnectTimeLoadBalancingEnabled": BOOLEAN,
        "bpfHostNetworkedNATWithoutCTLB": text("Enabled", "Disabled"),
        "bpfExternalServiceMode": in_any_case("Tunnel", "DSR"),
        "bpfDataIfacePattern": text(),
        "bpfL3IfacePattern": text(),
        "xdpEnabled": BOOLEAN,
    }
)

_SWITCH = text("Enabled", "Disabled")
_CONTROLLERS = fields(
    {
        "controllers": fields(
            {
                "node": fields(
                    {
                        "syncLabels": _SWITCH,
                        "hostEndpoint": fields(
                            {
                                "autoCreate": text(),
                                "createDefaultHostEndpoint": text(),
                                "templates": items(
                                    fields(
                                        {
                                            "generateName": text(),
                                            "interfaceCIDRs": items(text()),
                                            "interfacePattern": text(),
                                            "labels": STRING_MAP,
                                            "annotations": STRING_MAP,
                                            "nodeSelector": text(),
                                        }
                                    )
                                ),
                            }
                        ),
                    }
                )
            }
        ),
        "healthChecks": text("Enabled", "Disabled", default="Enabled"),
    }
)

SPECS: dict[str, Schema] = {
    "HostEndpoint": fields(
        {
            "node": text() | {"minLength": 1},
            "interfaceName": text(max_length=15),
            "expectedIPs": items(text()),
            "profiles": items(text()),
            "ports": items(
                fields(
                    {"name": text(), "protocol": INT_OR_STRING, "port": integer(1, 65535)},
                    required=("name", "port", "protocol"),
                )
            ),
        },
        required=("node",),
        rules=(
            (
                "(has(self.interfaceName) && size(self.interfaceName) > 0)"
                " || (has(self.expectedIPs) && size(self.expectedIPs) > 0)"
            ),
        ),
    ),
    "GlobalNetworkPolicy": fields(_GLOBAL_POLICY, rules=_GLOBAL_POLICY_RULES),
    "NetworkPolicy": fields(_POLICY, rules=_POLICY_RULES),
    "StagedGlobalNetworkPolicy": fields(_GLOBAL_POLICY | _STAGED, rules=_GLOBAL_POLICY_RULES),
    "StagedNetworkPolicy": fields(_POLICY | _STAGED, rules=_POLICY_RULES),
    "StagedKubernetesNetworkPolicy": fields(
        {
            "podSelector": LABEL_SELECTOR,
            "ingress": items(fields({"from": _PEERS, "ports": _PEER_PORTS})),
            "egress": items(fields({"to": _PEERS, "ports": _PEER_PORTS})),
            "policyTypes": items(text()),
        }
        | _STAGED
    ),
    "Tier": fields({"order": NUMBER, "defaultAction": text("Pass", "Deny", default="Deny")}),
    "GlobalNetworkSet": fields({"nets": items(text())}),
    "NetworkSet": fields({"nets": items(text())}),
    "FelixConfiguration": FELIX,
    "KubeControllersConfiguration": _CONTROLLERS,
    "IPPool": fields(
        {
            "cidr": text(),
            "vxlanMode": text("Never", "Always", "CrossSubnet"),
            "ipipMode": text("Never", "Always", "CrossSubnet"),
            "natOutgoing": BOOLEAN,
            "disabled": BOOLEAN,
            "disableBGPExport": BOOLEAN,
            "blockSize": integer(),
            "nodeSelector": text(),
            "namespaceSelector": text(),
            "allowedUses": items(text()),
            "assignmentMode": text("Automatic", "Manual"),
        },
        required=("cidr",),
    ),
}
"""The spec of each kind, by its name."""


def _tier(name: str, action: str, order: int) -> str:
    fits = f"self.spec.defaultAction == '{action}' && has(self.spec.order) && self.spec.order == {order}.0"
    return f"self.metadata.name != '{name}' || ({fits})"


OBJECT_RULES: dict[str, tuple[str, ...]] = {
    "Tier": (
        _tier("default", "Deny", 1_000_000),
        _tier("kube-admin", "Pass", 1_000),
        _tier("kube-baseline", "Pass", 10_000_000),
    ),
    "FelixConfiguration": (
        (
            "!has(self.spec.nodeSelector) || size(self.spec.nodeSelector) == 0"
            " || (self.metadata.name != 'default' && !self.metadata.name.startsWith('node.'))"
        ),
    ),
}
"""CEL about the object as a whole, by kind."""
