"""CustomResourceDefinitions of the kinds that Nodeward reads.

``python -m tests.kube.crds [GROUP]...`` prints them as YAML.
"""

from __future__ import annotations

import sys
from typing import Any

from tests.kube import calico, sig_network
from tests.kube.schema import Schema, fields

NATIVE = "projectcalico.org"
STORED = "crd.projectcalico.org"
SIG_NETWORK = "policy.networking.k8s.io"

_VERSIONS = {NATIVE: "v3", STORED: "v1"}
_NAMESPACED = frozenset(
    {"NetworkPolicy", "StagedNetworkPolicy", "StagedKubernetesNetworkPolicy", "NetworkSet"}
)
_SHORT_NAMES = {
    "HostEndpoint": ("hep", "heps"),
    "GlobalNetworkPolicy": ("gnp", "cgnp"),
    "NetworkPolicy": ("cnp", "caliconetworkpolicy"),
    "StagedGlobalNetworkPolicy": ("sgnp",),
    "StagedNetworkPolicy": ("scnp", "snp"),
    "StagedKubernetesNetworkPolicy": ("sknp",),
    "GlobalNetworkSet": ("gns",),
    "KubeControllersConfiguration": ("kcc", "kccs"),
    "ClusterNetworkPolicy": ("cnetpol",),
    "AdminNetworkPolicy": ("anp",),
    "BaselineAdminNetworkPolicy": ("banp",),
}
Definition = dict[str, Any]


def definitions(*groups: str) -> list[Definition]:
    """What to apply so that a server knows the kinds of the *groups*."""
    found = []
    for group in groups:
        if group == SIG_NETWORK:
            found += [
                _definition(group, version, kind, spec)
                for version, kinds in sig_network.SPECS.items()
                for kind, spec in kinds.items()
            ]
        else:
            found += [
                _definition(group, _VERSIONS[group], kind, spec)
                for kind, spec in calico.SPECS.items()
            ]
    return found


def plural(kind: str) -> str:
    """The plural as these kinds form it: policies, sets."""
    word = kind.lower()
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def _definition(group: str, version: str, kind: str, spec: Schema) -> Definition:
    names = {"kind": kind, "plural": plural(kind), "singular": kind.lower()}
    if group != STORED and kind in _SHORT_NAMES:
        names["shortNames"] = list(_SHORT_NAMES[kind])
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural(kind)}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for tests only"},
        },
        "spec": {
            "group": group,
            "names": names | {"listKind": f"{kind}List"},
            "scope": "Namespaced" if kind in _NAMESPACED else "Cluster",
            "preserveUnknownFields": False,
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _object(kind, spec)},
                }
            ],
        },
    }


def _object(kind: str, spec: Schema) -> Schema:
    rules = calico.OBJECT_RULES.get(kind) or sig_network.OBJECT_RULES.get(kind, ())
    return fields(
        {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
        },
        required=("metadata", "spec"),
        rules=rules,
    )


if __name__ == "__main__":
    import yaml

    groups = sys.argv[1:] or (NATIVE, STORED, SIG_NETWORK)
    sys.stdout.write(yaml.safe_dump_all(definitions(*groups), sort_keys=False))
