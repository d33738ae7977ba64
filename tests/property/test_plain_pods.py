"""However a pod is read, quickly or strictly, it reads the same."""

from __future__ import annotations

import copy

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from service.errors import SourceLocation
from service.model.decode import decode_object
from service.model.kinds.pod import KIND
from service.model.plain import NotPlainError

HERE = SourceLocation("f", 3, 1)

LIVE = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web-7d4b-x",
        "namespace": "shop",
        "generateName": "web-7d4b-",
        "uid": "u",
        "resourceVersion": "7",
        "labels": {"app": "web"},
        "annotations": {"cni.projectcalico.org/podIP": "10.244.1.10/32", "checksum/config": "x"},
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d4b", "controller": True}
        ],
        "managedFields": [{"manager": "kubelet"}],
    },
    "spec": {
        "nodeName": "w1",
        "hostNetwork": False,
        "serviceAccountName": "web-sa",
        "containers": [
            {
                "name": "c",
                "image": "i",
                "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP", "hostPort": 0}],
            }
        ],
        "initContainers": [{"name": "i", "ports": [{"containerPort": 53, "protocol": "UDP"}]}],
        "volumes": [{"name": "v"}],
    },
    "status": {
        "phase": "Running",
        "podIP": "10.244.1.10",
        "podIPs": [{"ip": "10.244.1.10"}, {"ip": "fd00:244:1::10"}],
        "conditions": [{"type": "Ready"}],
    },
}
OTHERS = (
    *(None, "", "x", "Succeeded", "10.0.0.1", "[]", "TCP", "\u00a0"),
    *(0, 1, 80, 70000, True, False, 1.0, 2.5),
    *([], [None], [{}], [{"ip": "x"}], {}, {"a": 1}, {"\u00a0b": {}}),
)
others = st.sampled_from(OTHERS).map(copy.deepcopy)


def places(value, path=()):
    """The path of every value inside of *value*."""
    pairs = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in pairs:
        yield (*path, key)
        yield from places(item, (*path, key))


PLACES = [path for path in places(LIVE) if path not in {("apiVersion",), ("kind",)}]
FIELDS = [
    *("deletionTimestamp", "hostIP", "hostPort", "serviceAccount", "nodeNmae", "ports", "status"),
    *("controller", "cni.projectcalico.org/allowedSourcePrefixes", "vpc.amazonaws.com/pod-ips"),
]


@st.composite
def pods(draw):
    """A live pod in which some values are others, or gone, or more than there should be."""
    body = copy.deepcopy(LIVE)
    for path in draw(st.lists(st.sampled_from(PLACES), max_size=4)):
        parent = body
        for key in path[:-1]:
            parent = parent[key] if _holds(parent, key) else {}
        if not _holds(parent, path[-1]):
            continue
        change = draw(st.sampled_from(["replace", "remove", "add"]))
        if change == "remove" and isinstance(parent, dict):
            del parent[path[-1]]
        elif change == "add" and isinstance(parent, dict):
            parent[draw(st.sampled_from(FIELDS))] = draw(others)
        else:
            parent[path[-1]] = draw(others)
    return body


def _holds(parent, key):
    if isinstance(parent, list):
        return isinstance(key, int) and key < len(parent)
    return isinstance(parent, dict) and key in parent


def is_nameable(body):
    metadata = body.get("metadata")
    return isinstance(metadata, dict) and isinstance(metadata.get("name"), str) and metadata["name"]


def is_plain(body):
    try:
        KIND.plain(body, HERE)
    except NotPlainError:
        return False
    return True


def strictly(body):
    """The pod as the strict readers read it: they alone know of finalizers."""
    return decode_object({**body, "metadata": {**body["metadata"], "finalizers": []}}, HERE)


@given(pods().filter(is_nameable))
def test_quick_and_strict_readers_agree(body):
    event("plain" if is_plain(body) else "left to the strict readers")
    assert strictly(body) == decode_object(body, HERE)


def test_a_live_pod_is_read_quickly():
    assert is_plain(LIVE)


@pytest.mark.parametrize("field", ["uid", "resourceVersion", "annotations", "ownerReferences"])
def test_a_pod_of_a_manifest_is_read_quickly_too(field):
    metadata = {key: value for key, value in LIVE["metadata"].items() if key != field}
    assert is_plain({**LIVE, "metadata": metadata})
