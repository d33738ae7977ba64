"""What a test's API server holds: its kinds, and how it is emptied between tests."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from tests.kube import crds
from tests.kube.client import RefusedError
from tests.kube.server import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kube.client import Client, Object

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_WITHIN_S = 60.0

_NODES = "/api/v1/nodes"
_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_NAMESPACED = (
    ("/api/v1", "pods"),
    ("/api/v1", "services"),
    ("/api/v1", "serviceaccounts"),
    ("/api/v1", "secrets"),
    ("/api/v1", "replicationcontrollers"),
    ("/apis/discovery.k8s.io/v1", "endpointslices"),
    ("/apis/networking.k8s.io/v1", "networkpolicies"),
    ("/apis/apps/v1", "deployments"),
    ("/apis/apps/v1", "daemonsets"),
    ("/apis/apps/v1", "replicasets"),
    ("/apis/apps/v1", "statefulsets"),
    ("/apis/batch/v1", "jobs"),
    ("/apis/batch/v1", "cronjobs"),
)
_KEPT_NAMESPACES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})


def install(client: Client, *groups: str) -> None:
    """Let the server know the kinds of the groups, and wait until it serves them."""
    for definition in crds.definitions(*groups):
        client.apply(definition)
    for path, resource in _custom(*groups):
        wait_until(
            lambda path=path, resource=resource: client.request("GET", f"{path}/{resource}").ok,
            within_s=_WITHIN_S,
            what=f"{path}/{resource} is served",
        )


def uninstall(client: Client, *groups: str) -> None:
    """Forget the kinds of the groups and every object of theirs."""
    named = {definition["metadata"]["name"] for definition in crds.definitions(*groups)}
    for definition in client.items(_DEFINITIONS):
        if definition["metadata"]["name"] in named:
            client.delete(definition | _CRD)
    wait_until(
        lambda: not named & {one["metadata"]["name"] for one in client.items(_DEFINITIONS)},
        within_s=_WITHIN_S,
        what=f"{groups} are gone",
    )


def kinds(client: Client) -> frozenset[str]:
    """The groups of ours that the server knows."""
    return frozenset(
        one["spec"]["group"]
        for one in client.items(_DEFINITIONS)
        if one["spec"]["group"] in _GROUPS
    )


def empty(client: Client) -> None:
    """Delete what tests make. The kinds stay, and so does what the server keeps for itself."""
    _silence_webhooks(client)  # first, so that none has a say in the rest
    client.delete_all(_NODES)
    for path, resource in (*_NAMESPACED, *_custom(*kinds(client))):
        _empty(client, path, resource)
    for one in client.items("/api/v1/namespaces"):
        if one["metadata"]["name"] not in _KEPT_NAMESPACES:
            _delete_namespace(client, one)


def _silence_webhooks(client: Client) -> None:
    """Delete every registration, and wait until the server heeds it where the door is closed already."""
    client.delete_all(_WEBHOOKS)
    probe = _SERVICE | {"metadata": {"name": "probe"}, "spec": {"ports": [{"port": 1}]}}
    wait_until(
        lambda: client.try_create(probe, dryRun="All").ok,
        within_s=_WITHIN_S,
        what="no webhook is asked any more",
    )


def _empty(client: Client, path: str, resource: str) -> None:
    found = client.items(f"{path}/{resource}")
    namespaces = {one["metadata"].get("namespace", "") for one in found if not _is_own(one)}
    for namespace in namespaces:
        within = f"/namespaces/{namespace}" if namespace else ""
        _delete_all(client, f"{path}{within}/{resource}?fieldSelector=metadata.name!=kubernetes")


def _delete_all(client: Client, collection: str) -> None:
    """Delete what a path lists, as soon as no webhook forbids it any more."""

    def is_deleted() -> bool:
        try:
            client.delete_all(collection)
        except RefusedError as error:
            if error.answer.status != HTTPStatus.FORBIDDEN:
                raise
            return False
        return True

    wait_until(is_deleted, within_s=_WITHIN_S, what=f"{collection} is empty")


def _is_own(one: Object) -> bool:
    """Whether the server itself keeps it: its Service, and a slice that went with it."""
    return one["metadata"]["name"] == "kubernetes" and "clusterIP" in one.get("spec", {})


def _delete_namespace(client: Client, one: Object) -> None:
    """No controller empties it: what is in it has been deleted before."""
    path = f"/api/v1/namespaces/{one['metadata']['name']}"
    client.request("DELETE", path)
    client.request("PUT", f"{path}/finalize", one | _NAMESPACE | {"spec": {"finalizers": []}})


def _custom(*groups: str) -> Iterator[tuple[str, str]]:
    for one in crds.definitions(*groups):
        spec = one["spec"]
        yield f"/apis/{spec['group']}/{spec['versions'][0]['name']}", spec["names"]["plural"]


_GROUPS = frozenset({crds.NATIVE, crds.STORED, crds.SIG_NETWORK})
_CRD = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
_SERVICE = {"apiVersion": "v1", "kind": "Service"}
_NAMESPACE = {"apiVersion": "v1", "kind": "Namespace"}
