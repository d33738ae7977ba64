"""The schemas of sig-network's cluster-wide policies, in words of our own.

Source: network-policy-api apis/v1alpha2 (ClusterNetworkPolicy) and apis/v1alpha1 (its predecessors).
"""

from __future__ import annotations

from tests.kube.schema import LABEL_SELECTOR, Schema, fields, integer, items, text

_PORT = integer(1, 65535)
_RANGE = {"start": _PORT, "end": _PORT}
_ORDERED = "self.start <= self.end"
_PODS = {
    "namespaces": LABEL_SELECTOR,
    "pods": fields(
        {"namespaceSelector": LABEL_SELECTOR, "podSelector": LABEL_SELECTOR},
        required=("namespaceSelector", "podSelector"),
    ),
}
_OUTSIDE = {
    "nodes": LABEL_SELECTOR,
    "networks": items(text(max_length=43), low=1, high=25),
    "domainNames": items(text(max_length=255), low=1, high=25),
}


def _one_of(properties: dict[str, Schema]) -> Schema:
    """An object with exactly one of the properties."""
    return fields(properties) | {"minProperties": 1, "maxProperties": 1}


_DESTINATION = fields(
    {
        "destinationPort": _one_of(
            {
                "number": _PORT,
                "range": fields(_RANGE, required=("start", "end"), rules=(_ORDERED,)),
            }
        )
    },
    required=("destinationPort",),
)
_PROTOCOLS = items(
    _one_of(
        {
            "tcp": _DESTINATION,
            "udp": _DESTINATION,
            "sctp": _DESTINATION,
            "destinationNamedPort": text(),
        }
    ),
    low=1,
    high=25,
)
_PORTS = items(
    _one_of(
        {
            "portNumber": fields(
                {"protocol": text(), "port": _PORT}, required=("protocol", "port")
            ),
            "portRange": fields(
                {"protocol": text(default="TCP")} | _RANGE,
                required=("start", "end"),
                rules=(_ORDERED,),
            ),
            "namedPort": text(),
        }
    ),
    high=100,
)


def _rules(actions: tuple[str, ...], ports: dict[str, Schema], *, egress: bool) -> Schema:
    peers = _one_of(_PODS | _OUTSIDE if egress else _PODS)
    key = "to" if egress else "from"
    properties = {
        "name": text(max_length=100),
        "action": text(*actions),
        key: items(peers, low=1, high=25),
    }
    return items(fields(properties | ports, required=("action", key)), high=25)


def _spec(
    actions: tuple[str, ...], ports: dict[str, Schema], own: dict[str, Schema] | None = None
) -> Schema:
    properties = {
        "subject": _one_of(_PODS),
        "ingress": _rules(actions, ports, egress=False),
        "egress": _rules(actions, ports, egress=True),
    }
    return fields((own or {}) | properties, required=("subject", *(own or {})))


_PRIORITY = {"priority": integer(0, 1000)}
SPECS: dict[str, dict[str, Schema]] = {
    "v1alpha2": {
        "ClusterNetworkPolicy": _spec(
            ("Accept", "Deny", "Pass"),
            {"protocols": _PROTOCOLS},
            {"tier": text("Admin", "Baseline")} | _PRIORITY,
        )
    },
    "v1alpha1": {
        "AdminNetworkPolicy": _spec(("Allow", "Deny", "Pass"), {"ports": _PORTS}, _PRIORITY),
        "BaselineAdminNetworkPolicy": _spec(("Allow", "Deny"), {"ports": _PORTS}),
    },
}
"""The spec of each kind, by version and name."""

OBJECT_RULES = {"BaselineAdminNetworkPolicy": ("self.metadata.name == 'default'",)}
