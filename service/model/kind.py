"""The description of a resource kind that Nodeward reads, and the kinds that there are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from service.model.names import is_object_name
from service.model.refs import CALICO_V1, CALICO_V3, GVK, ObjectRef
from service.registry import discover

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from service.errors import SourceLocation
    from service.model.document import Document
    from service.model.meta import Decoded

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind: under which group/versions it is read, and how.

    ``type`` is the class of what ``decode`` returns, and the key of the snapshot's maps; two kinds may
    share it.
    """

    gvks: tuple[GVK, ...]
    plural: str
    namespaced: bool
    type: type[T]
    decode: Callable[[Document], T]
    trim: Callable[[Mapping[str, object]], Mapping[str, object]] | None = None
    """What is kept of the raw form, for kinds of which a cluster has many and a verdict needs little.

    What it returns decodes to the same object, without any problem that lies in what was left off.
    """
    plain: Callable[[Mapping[str, object], SourceLocation], Decoded[T]] | None = None
    """A quick way to read what nothing is wrong with, for kinds of which a cluster has very many.

    Gives what ``decode`` would give. Raises: NotPlainError for everything else.
    """
    is_name: Callable[[str], bool] = is_object_name
    """Whether the API server takes a text for the name of such an object."""

    @property
    def id(self) -> str:
        """The first of its group/versions, which no other kind has."""
        return str(self.gvks[0])

    @property
    def name(self) -> str:
        """The kind's own name, such as "HostEndpoint"."""
        return self.gvks[0].kind

    @property
    def group(self) -> str:
        """The group of its references; the v3 one for Calico's two."""
        return self.gvks[0].group

    def ref(self, name: str, namespace: str = "") -> ObjectRef:
        """The reference of an object of this kind; the namespace counts only where it has one."""
        return ObjectRef(self.group, self.name, namespace if self.namespaced else "", name)


def calico_gvks(kind: str) -> tuple[GVK, GVK]:
    """The two group/versions under which Calico's kinds are stored; the served one first."""
    return GVK(CALICO_V3, "v3", kind), GVK(CALICO_V1, "v1", kind)


@cache
def kinds() -> tuple[Kind[Any], ...]:
    """Every kind that is read."""
    return discover("service.model.kinds", "KIND", Kind)


@cache
def kinds_by_gvk() -> Mapping[GVK, Kind[Any]]:
    """Every kind that is read, by each of its group/versions."""
    return {gvk: kind for kind in kinds() for gvk in kind.gvks}
