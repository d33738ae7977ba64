"""Whom selectors can name: pods, host endpoints and network sets, with their labels and addresses.

Semantics: "Label universe", "Workload endpoints", "Profiles", "Automatic host endpoints" (whose
objects the controller has already made). Source: libcalico-go/lib/backend/k8s/conversion/,
felix/labelindex/named_port_index.go.
"""

import re
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address

from tests.reference.packet import Address, protocol_number
from tests.reference.policies import (
    NAMESPACE,
    SERVICE_ACCOUNT,
    BrokenError,
    Network,
    Raw,
    Rule,
    nets_of,
    profile_rules,
)
from tests.reference.selector import Labels

WILDCARD = "*"
DEFAULT_ALLOW = "projectcalico-default-allow"
_NAME = "projectcalico.org/name"
_TOLD_ADDRESSES = (
    "cni.projectcalico.org/podIPs",
    "cni.projectcalico.org/podIP",
    "vpc.amazonaws.com/pod-ips",
)
_INTERFACE = re.compile(r"[a-zA-Z0-9_.-]{1,15}")


@dataclass(frozen=True, slots=True)
class Profile:
    """`allows` everything, or has `rules` by direction: none but with etcd as the datastore."""

    allows: bool
    labels: Labels
    rules: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """A workload endpoint (its interface starts with "cali") or a host endpoint."""

    name: str
    node: str
    interface: str
    addresses: tuple[Address, ...]
    labels: Labels
    profiles: tuple[str, ...]
    ports: tuple[tuple[str, int, int], ...]

    @property
    def is_workload(self) -> bool:
        return self.interface.startswith("cali")


@dataclass(frozen=True, slots=True, eq=False)
class NetworkSet:
    labels: Labels
    nets: tuple[Network, ...]


def profiles(namespaces: list[Raw], service_accounts: list[Raw]) -> Mapping[str, Profile]:
    """Every profile that exists, by name."""
    found = {DEFAULT_ALLOW: Profile(allows=True, labels={})}
    for raw in namespaces:
        name = raw["metadata"]["name"]
        found[f"kns.{name}"] = Profile(allows=True, labels=_prefixed("pcns.", raw))
    for raw in service_accounts:
        name = f"ksa.{raw['metadata']['namespace']}.{raw['metadata']['name']}"
        found[name] = Profile(allows=False, labels=_prefixed("pcsa.", raw))
    return found


def own_profiles(raws: list[Raw]) -> Mapping[str, Profile]:
    """The Profile objects, which stand before those that Kubernetes gives."""
    return {
        raw["metadata"]["name"]: Profile(
            allows=False,
            labels=(raw.get("spec") or {}).get("labelsToApply") or {},
            rules=profile_rules(raw.get("spec") or {}),
        )
        for raw in raws
    }


def _prefixed(prefix: str, raw: Raw) -> Labels:
    labels = {**(raw["metadata"].get("labels") or {}), _NAME: raw["metadata"]["name"]}
    return {prefix + key: value for key, value in labels.items()}


def _inherited(own: Labels, names: tuple[str, ...], known: Mapping[str, Profile]) -> Labels:
    """Own labels first, then those of each profile in list order."""
    return ChainMap(dict(own), *(dict(known[name].labels) for name in names if name in known))


def is_host_networked(pod: Raw) -> bool:
    return bool(pod["spec"].get("hostNetwork"))


def is_running(pod: Raw) -> bool:
    return (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}


def pod_addresses(pod: Raw) -> tuple[Address, ...]:
    """At most one address of a family, in the order of status.podIPs."""
    status = pod.get("status") or {}
    texts = [entry["ip"] for entry in status.get("podIPs") or ()] or [status.get("podIP")]
    if not any(texts):
        annotations = pod["metadata"].get("annotations") or {}
        told = next((annotations[one] for one in _TOLD_ADDRESSES if annotations.get(one)), "")
        texts = [text.strip().partition("/")[0] for text in told.split(",")]
    first: dict[int, Address] = {}
    for address in (ip_address(text) for text in texts if text):
        first.setdefault(address.version, address)
    return tuple(first.values())


def workloads(pods: list[Raw], known: Mapping[str, Profile]) -> Iterator[Endpoint]:
    """One endpoint for each scheduled pod that has an address and a network of its own."""
    for pod in pods:
        if is_host_networked(pod) or not is_running(pod) or not pod["spec"].get("nodeName"):
            continue
        if pod_addresses(pod):
            yield _workload(pod, known)


def _workload(pod: Raw, known: Mapping[str, Profile]) -> Endpoint:
    meta, spec = pod["metadata"], pod["spec"]
    namespace, account = meta["namespace"], spec.get("serviceAccountName", "")
    names = (f"kns.{namespace}", *([f"ksa.{namespace}.{account}"] if account else []))
    own = {
        **{
            key: value
            for key, value in (meta.get("labels") or {}).items()
            if not key.startswith(("pcns.", "pcsa."))
        },
        NAMESPACE: namespace,
        "projectcalico.org/orchestrator": "k8s",
        **({SERVICE_ACCOUNT: account} if account else {}),
    }
    return Endpoint(
        name=f"{namespace}/{meta['name']}",
        node=spec["nodeName"],
        interface=f"cali:{namespace}/{meta['name']}",
        addresses=pod_addresses(pod),
        labels=_inherited(own, names, known),
        profiles=names,
        ports=tuple(_container_ports(spec)),
    )


def _container_ports(spec: Raw) -> Iterator[tuple[str, int, int]]:
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        for port in container.get("ports") or ():
            if port.get("name"):
                protocol = protocol_number(port.get("protocol", "TCP"))
                yield port["name"], protocol, port["containerPort"]


def host_endpoint(raw: Raw, known: Mapping[str, Profile]) -> Endpoint:
    """A host endpoint. Raises BrokenError where Felix discards it."""
    meta, spec = raw["metadata"], raw["spec"]
    _require_known(spec)
    names = tuple(spec.get("profiles") or ())
    return Endpoint(
        name=meta["name"],
        node=spec["node"],
        interface=spec.get("interfaceName", ""),
        addresses=tuple(_addresses_of(spec.get("expectedIPs") or ())),
        labels=_inherited(meta.get("labels") or {}, names, known),
        profiles=names,
        ports=tuple(
            (port["name"], protocol_number(port["protocol"]), port["port"])
            for port in spec.get("ports") or ()
        ),
    )


def _addresses_of(texts: Iterable[str]) -> Iterator[Address]:
    """The addresses; what is none is skipped."""
    for text in texts:
        with suppress(ValueError):
            yield ip_address(text)


def _require_known(spec: Raw) -> None:
    interface = spec.get("interfaceName") or WILDCARD
    if interface != WILDCARD and not _INTERFACE.fullmatch(interface):
        raise BrokenError(f"interface {interface!r}")
    for port in spec.get("ports") or ():
        if port["protocol"].upper() not in {"TCP", "UDP", "SCTP"}:
            raise BrokenError(f"protocol {port['protocol']!r}")


def network_set(raw: Raw, known: Mapping[str, Profile]) -> NetworkSet:
    """A NetworkSet, with its namespace's labels, or a GlobalNetworkSet."""
    meta = raw["metadata"]
    own = dict(meta.get("labels") or {})
    names: tuple[str, ...] = ()
    if "namespace" in meta:
        own[NAMESPACE] = meta["namespace"]
        names = (f"kns.{meta['namespace']}",)
    return NetworkSet(
        labels=_inherited(own, names, known),
        nets=nets_of((raw.get("spec") or {}).get("nets")),
    )
