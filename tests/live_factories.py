"""Messages of watches for tests: objects by kind, name and resourceVersion."""

from __future__ import annotations

from service.cluster.discovery import Resource
from service.cluster.events import Changed, Counted, Deleted, Expected, Progressed, Replaced
from service.cluster.listing import Census
from service.cluster.mirror import Mirror
from service.cluster.objects import read_item
from service.model.kind import kinds
from tests.factories import raw


def make_resource(kind, *, group=""):
    """The resource of a kind, of the first of its groups, or of *group*."""
    found = next(one for one in kinds() if one.name == kind)
    gvk = next(one for one in found.gvks if group in {"", one.group})
    return Resource(found, gvk)


TIERS = make_resource("Tier")
POLICIES = make_resource("GlobalNetworkPolicy")
STORED_POLICIES = make_resource("GlobalNetworkPolicy", group="crd.projectcalico.org")
SERVICES = make_resource("Service")
PODS = make_resource("Pod")


def make_raw(resource, name, version, **spec):
    body = raw(resource.kind.name, name, api_version=resource.gvk.api_version, spec=spec)
    if resource.kind.namespaced:
        body["metadata"]["namespace"] = "default"
    body["metadata"]["resourceVersion"] = str(version)
    return body


def make_item(resource, name, version, **spec):
    return read_item(resource, make_raw(resource, name, version, **spec))


def listed(resource, version, *items):
    return Replaced(resource, items, version, at=float(version))


def changed(resource, name, version, **spec):
    return Changed(resource, make_item(resource, name, version, **spec), at=float(version))


def deleted(resource, name, version):
    namespace = "default" if resource.kind.namespaced else ""
    return Deleted(resource, (namespace, name), version, at=float(version))


def progressed(resource, version):
    return Progressed(resource, version, at=float(version))


def counted(resource, version, **versions):
    """What a direct read found: of cluster-scoped objects, by name."""
    census = Census(version, {("", name): one for name, one in versions.items()})
    return Counted(resource, census, at=float(version))


def make_mirror(*resources):
    """A mirror that expects *resources*."""
    mirror = Mirror()
    mirror.apply(map(Expected, resources))
    return mirror
