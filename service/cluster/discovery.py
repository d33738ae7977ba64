"""Which of the kinds that are read a cluster has, and where.

Of Calico's two groups the one is taken that Felix takes: where the server knows ``crd.projectcalico.org``,
that is where policy is stored, and ``projectcalico.org``, if it is there too, is a view that another server
makes of it; otherwise ``projectcalico.org`` is all there is, as native CRDs or before an etcd of Calico's own.
Source: libcalico-go/lib/backend/k8s/discovery.go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from service.model.kind import Kind, kinds
from service.model.refs import CALICO_V1, CALICO_V3, GVK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.cluster.kube import Client

_CALICO = frozenset({CALICO_V1, CALICO_V3})
_NEEDED = frozenset({"list", "watch"})


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as one cluster serves it; ``path`` is that of its collection in all namespaces."""

    kind: Kind[Any]
    gvk: GVK

    @property
    def path(self) -> str:
        """Where it is listed and watched."""
        root = f"/apis/{self.gvk.group}" if self.gvk.group else "/api"
        return f"{root}/{self.gvk.version}/{self.kind.plural}"

    @property
    def name(self) -> str:
        """As RBAC and kubectl spell it: "services", "hostendpoints.crd.projectcalico.org"."""
        return f"{self.kind.plural}.{self.gvk.group}" if self.gvk.group else self.kind.plural


@dataclass(frozen=True, slots=True)
class Discovery:
    """What there is to watch; ``missing`` are the kinds that the cluster does not serve.

    ``calico_group`` is the group that Calico's kinds are read in, "" where the cluster has neither;
    ``server`` is the version of Kubernetes.
    """

    resources: tuple[Resource, ...] = ()
    missing: tuple[str, ...] = ()
    calico_group: str = ""
    server: str = ""


@dataclass(slots=True)
class _Served:
    """The resources of each group/version, asked for once."""

    client: Client
    known: dict[str, frozenset[str]] = field(default_factory=dict)

    def has(self, gvk: GVK, plural: str) -> bool:
        """Whether *plural* can be listed and watched there. Raises: RequestError."""
        if gvk.api_version not in self.known:
            self.known[gvk.api_version] = frozenset(self._listed(gvk))
        return plural in self.known[gvk.api_version]

    def _listed(self, gvk: GVK) -> Iterator[str]:
        root = "/apis" if gvk.group else "/api"
        answer = orjson.loads(self.client.get(f"{root}/{gvk.api_version}"))
        for one in answer.get("resources") or ():
            if _NEEDED.issubset(one.get("verbs") or ()):
                yield one["name"]


def discover(client: Client) -> Discovery:
    """What *client*'s cluster has of the kinds that are read; about ten small requests.

    Raises: RequestError, also where a group is there whose server does not answer: that a kind is
    missing is never concluded from silence.
    """
    served = _Served(client)
    versions = _group_versions(client)
    calico = next((group for group in (CALICO_V1, CALICO_V3) if group in versions), "")
    resources = []
    missing = []
    for kind in kinds():
        gvk = _gvk_of(kind, calico, versions, served=served)
        if gvk is None:
            missing.append(kind.name)
        else:
            resources.append(Resource(kind, gvk))
    version = orjson.loads(client.get("/version")).get("gitVersion", "")
    return Discovery(tuple(resources), tuple(missing), calico, str(version))


def _group_versions(client: Client) -> Mapping[str, frozenset[str]]:
    """The versions of each group that the server knows."""
    answer = orjson.loads(client.get("/apis"))
    found = {
        str(group["name"]): frozenset(str(one["version"]) for one in group["versions"])
        for group in answer.get("groups") or ()
    }
    return found | {"": frozenset({"v1"})}


def _gvk_of(
    kind: Kind[Any], calico: str, versions: Mapping[str, frozenset[str]], *, served: _Served
) -> GVK | None:
    """The group/version in which *kind* is served, the first of its own that is."""
    for gvk in kind.gvks:
        if gvk.group in _CALICO and gvk.group != calico:
            continue
        if gvk.version in versions.get(gvk.group, ()) and served.has(gvk, kind.plural):
            return gvk
    return None
