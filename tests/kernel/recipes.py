"""The recipes of tests/cases as worlds: what their objects leave open is filled in."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from service.errors import SourceLocation
from service.model.decode import decode_object
from service.model.meta import Decoded
from tests.reference.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.reference.policies import Raw

CASES = Path(__file__).parent.parent / "cases"
_V1 = "crd.projectcalico.org/v1"
_INTERFACES = "nodeward.io/interfaces"


def recipes() -> Iterator[tuple[str, list[Raw]]]:
    """The name and world of each recipe whose nodes all are ones that the chains tell of."""
    for at, folder in enumerate(sorted(CASES.glob("s[0-9][0-9]-*"))):
        text = (folder / "cluster.yaml").read_text(encoding="utf-8")
        raws = [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one]
        objects = _completed([one for one in raws if _is_let_in(one)], at)
        world = World(objects)
        stored = any(one["apiVersion"] == _V1 for one in objects)
        hosts = world.hosts.values()
        apart = stored or any(map(_is_beyond_the_chains, objects))
        if not apart and hosts and not any(host.failure for host in hosts):
            yield folder.name, objects


def _is_beyond_the_chains(raw: Raw) -> bool:
    """Does the object ask for what no chain here does: eBPF, or endpoints that a controller has yet to make?"""
    spec = raw.get("spec") or {}
    endpoint = ((spec.get("controllers") or {}).get("node") or {}).get("hostEndpoint") or {}
    return bool(spec.get("bpfEnabled")) or endpoint.get("autoCreate") == "Enabled"


def _is_let_in(raw: Raw) -> bool:
    """Does an API server take the object?"""
    decoded = decode_object(raw, SourceLocation("cluster.yaml"))
    if not isinstance(decoded, Decoded):
        return False
    return not {problem.layer.value for problem in decoded.problems} & {"schema", "decode"}


def _completed(objects: Sequence[Raw], at: int) -> list[Raw]:
    """With interfaces for nodes, pods behind slices, namespaces, and one of both dataplanes in turn."""
    found = [_with_interfaces(one) if one["kind"] == "Node" else one for one in objects]
    last = [one["metadata"]["name"] for one in found if one["kind"] == "Node"][-1:]
    found = [_placed(one, *last) for one in (*found, *_slices(found))]
    found += _pods(found)
    known = {one["metadata"]["name"] for one in found if one["kind"] == "Namespace"}
    spaces = {one["metadata"].get("namespace") for one in found} - {None} - known
    found += (_object("Namespace", name, "") for name in sorted(spaces))
    return [*_with_mode(found, ("Enabled", "Disabled")[at % 2])]


def _with_interfaces(node: Raw) -> Raw:
    meta = dict(node["metadata"])
    annotations = dict(meta.get("annotations") or {})
    if _INTERFACES not in annotations:
        listed = [
            f"{one['address']}/{24 if '.' in one['address'] else 64}"
            for one in (node.get("status") or {}).get("addresses") or ()
            if one["type"] == "InternalIP"
        ]
        annotations[_INTERFACES] = json.dumps({"eth0": listed})
    return {**node, "metadata": {**meta, "annotations": annotations}}


def _slices(objects: Sequence[Raw]) -> Iterator[Raw]:
    """A slice with one backend for each Service that has none."""
    served = {
        (one["metadata"]["namespace"], one["metadata"]["labels"]["kubernetes.io/service-name"])
        for one in objects
        if one["kind"] == "EndpointSlice"
    }
    services = [one for one in objects if one["kind"] == "Service"]
    for at, service in enumerate(services):
        meta = service["metadata"]
        if (meta["namespace"], meta["name"]) in served or not service["spec"].get("ports"):
            continue
        ports = [
            {"name": one.get("name", ""), "protocol": one.get("protocol", "TCP"), "port": 8080}
            for one in service["spec"]["ports"]
        ]
        labels = {"kubernetes.io/service-name": meta["name"]}
        own = {"name": f"{meta['name']}-drawn", "namespace": meta["namespace"], "labels": labels}
        yield {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": own,
            "addressType": "IPv4",
            "ports": ports,
            "endpoints": [{"addresses": [f"10.244.9.{10 + at}"], "conditions": {"ready": True}}],
        }


def _placed(one: Raw, node: str = "") -> Raw:
    """A slice whose endpoints that are on no node, nor a node's own, are on *node*."""
    if one["kind"] != "EndpointSlice":
        return one
    ends = [{"nodeName": node, **end} for end in one.get("endpoints") or ()]
    return {**one, "endpoints": ends}


def _pods(objects: Sequence[Raw]) -> Iterator[Raw]:
    """A pod for each address of a slice that is no node's."""
    taken = {
        one["address"]
        for node in objects
        if node["kind"] == "Node"
        for one in (node.get("status") or {}).get("addresses") or ()
    }
    taken |= {
        one["ip"] for pod in objects if pod["kind"] == "Pod" for one in pod["status"]["podIPs"]
    }
    for one in objects:
        for end in one.get("endpoints") or () if one["kind"] == "EndpointSlice" else ():
            for address in end["addresses"]:
                if end.get("nodeName") and address not in taken:
                    taken.add(address)
                    yield _pod(one, address, end["nodeName"])


def _pod(one: Raw, address: str, node: str) -> Raw:
    name = f"pod-{int(ip_address(address)) % 65536}"
    service = one["metadata"]["labels"]["kubernetes.io/service-name"]
    pod = _object("Pod", name, one["metadata"]["namespace"], app=service)
    spec = {"nodeName": node, "containers": [{"name": "c", "image": "i"}]}
    status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
    return {**pod, "spec": spec, "status": status}


def _object(kind: str, name: str, namespace: str, **labels: str) -> Raw:
    meta = {"name": name, "labels": labels}
    if namespace:
        meta["namespace"] = namespace
    return {"apiVersion": "v1", "kind": kind, "metadata": meta}


def _with_mode(objects: Sequence[Raw], mode: str) -> Iterator[Raw]:
    """With the dataplane told, which Auto would leave open."""
    told = False
    for one in objects:
        if one["kind"] == "FelixConfiguration" and one["metadata"]["name"] == "default":
            told = True
            yield {**one, "spec": {"nftablesMode": mode, **(one.get("spec") or {})}}
        else:
            yield one
    if not told:
        felix = {"apiVersion": "projectcalico.org/v3", "kind": "FelixConfiguration"}
        yield {**felix, "metadata": {"name": "default"}, "spec": {"nftablesMode": mode}}
