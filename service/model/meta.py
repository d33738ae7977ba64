"""What every decoded object carries beside its fields: identity, defaults, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from service.errors import SourceLocation
from service.model.refs import CALICO_V3

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.model.refs import ObjectRef

T_co = TypeVar("T_co", covariant=True)

_UNFILTERED_KINDS = frozenset(
    {"BGPConfiguration", "Tier", "FelixConfiguration", "KubeControllersConfiguration", "IPPool"}
)


def is_filtered(kind: str) -> bool:
    """Whether Felix's validation filter sees objects of a Calico kind."""
    return kind not in _UNFILTERED_KINDS and not kind.startswith("Staged")


@dataclass(frozen=True, slots=True)
class Meta:
    """The metadata of an object, with Calico's v1 mangling already undone."""

    ref: ObjectRef
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    location: SourceLocation = field(default_factory=SourceLocation)
    api_version: str = ""
    uid: str = ""
    resource_version: str = ""
    deleting: bool = False
    """Whether a deletion timestamp is set: the object goes when its finalizers have gone."""
    finalizers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Default:
    """A value that the file leaves out and that somebody fills in.

    ``value`` is JSON text; ``source`` says who fills it in, and where the opinions differ.
    """

    pointer: str
    value: str
    source: str


class Layer(StrEnum):
    """Who refuses, or silently ignores, what a problem is about."""

    SCHEMA = "schema"
    """The API server, by OpenAPI and CEL: the object cannot be written."""
    STRICT = "strict"
    """The API server under strict field validation; otherwise it prunes the field and stores the rest."""
    VALIDATOR = "validator"
    """Calico's Go validator: calicoctl and the aggregated API refuse, `kubectl` with native CRDs does not."""
    FELIX = "felix"
    """Felix's filter at run time: the whole object is as if it did not exist."""
    DECODE = "decode"
    """Calico's typed client cannot read it: the list of its kind may stall for the whole cluster."""
    RUNTIME = "runtime"
    """Felix keeps the object and ignores, or broadens, the part in question."""
    DATAPLANE = "dataplane"
    """Felix writes rules for it that nftables refuses: no later update reaches the nodes it is active on."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an object; ``hint`` is the likely cause, where one suggests itself."""

    layer: Layer
    message: str
    location: SourceLocation
    hint: str = ""

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.location}: {self.message}{hint}"


@dataclass(frozen=True, slots=True)
class Decoded(Generic[T_co]):
    """An object as it was read, with everything that is wrong with it and every default taken.

    ``obj`` is None where nothing usable could be read, or where the kind is not read at all. ``raw`` is
    the object as it was given.
    """

    ref: ObjectRef
    meta: Meta
    obj: T_co | None
    problems: tuple[Problem, ...] = ()
    defaults: tuple[Default, ...] = ()
    raw: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)

    def _has(self, *layers: Layer) -> bool:
        return any(problem.layer in layers for problem in self.problems)

    @property
    def api_server_accepts(self) -> bool:
        """Whether an API server stores it under strict field validation, `kubectl`'s default."""
        return not self._has(Layer.SCHEMA, Layer.STRICT)

    @property
    def validator_verdict(self) -> Literal["accepts", "rejects", "does-not-decode"]:
        """What Calico's Go validator alone says of the object, once it is decoded."""
        if self._has(Layer.DECODE):
            return "does-not-decode"
        return "rejects" if self._has(Layer.VALIDATOR) else "accepts"

    @property
    def felix_verdict(self) -> Literal["keeps", "drops", "does-not-decode", "n/a"]:
        """What Felix's filter does with the object; "n/a" for kinds that it does not see."""
        if self.ref.group != CALICO_V3 or not is_filtered(self.ref.kind):
            return "n/a"
        if self._has(Layer.DECODE):
            return "does-not-decode"
        return "drops" if self._has(Layer.FELIX) else "keeps"

    @property
    def in_effect(self) -> bool:
        """Whether Calico and Kubernetes act on the object, perhaps without its pruned parts."""
        return self.obj is not None and not self._has(Layer.SCHEMA, Layer.FELIX, Layer.DECODE)
