"""Names of objects: group, version and kind; the reference of one object."""

from __future__ import annotations

from dataclasses import dataclass

CALICO_V3 = "projectcalico.org"
CALICO_V1 = "crd.projectcalico.org"
KUBERNETES_NETWORKING = "networking.k8s.io"
SIG_NETWORK_POLICY = "policy.networking.k8s.io"


@dataclass(frozen=True, slots=True, order=True)
class GVK:
    """Group, version and kind. The core group is the empty string."""

    group: str
    version: str
    kind: str

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` field: "v1", "projectcalico.org/v3"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @classmethod
    def of(cls, api_version: str, kind: str) -> GVK:
        """The GVK of an object's ``apiVersion`` and ``kind``."""
        group, _, version = api_version.rpartition("/")
        return cls(group, version, kind)

    def __str__(self) -> str:
        return f"{self.api_version} {self.kind}"


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """One object: kind, namespace ("" for a cluster-scoped one) and name.

    Calico's two groups are one object seen through two doors, so the group is
    that of the v3 API for both; Kubernetes kinds keep theirs.
    """

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        path = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {path}"
