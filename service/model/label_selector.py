"""Kubernetes label selectors, as they stand in network policies: how one is read, and Calico's form of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.model.names import is_label_name, is_label_value
from service.model.selector import All, Equals, Has, In, NotIn, and_, not_

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from service.model.document import Document, Reader
    from service.model.meta import Layer
    from service.model.selector import Selector


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of the ``matchExpressions``; ``operator`` is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """A label selector; ``LabelSelector()`` selects everything."""

    match_labels: Mapping[str, str] = field(default_factory=dict)
    match_expressions: tuple[Requirement, ...] = ()

    def terms(self) -> tuple[Selector, ...]:
        """What has to hold of the labels, as Calico writes it: ``matchLabels`` sorted by key, then the rest.

        Source: libcalico-go lib/backend/k8s/conversion/conversion.go k8sSelectorToCalico.
        """
        equal = (Equals(key, value) for key, value in sorted(self.match_labels.items()))
        return (*equal, *(_TERMS[one.operator](one) for one in self.match_expressions))

    def to_selector(self) -> Selector:
        """The conjunction of the terms, `all()` where there is none."""
        return and_(*self.terms()) if self.terms() else All()


_TERMS: Mapping[str, Callable[[Requirement], Selector]] = {
    "In": lambda one: In(one.key, frozenset(one.values)),
    "NotIn": lambda one: NotIn(one.key, frozenset(one.values)),
    "Exists": lambda one: Has(one.key),
    "DoesNotExist": lambda one: not_(Has(one.key)),
}
_WITH_VALUES = frozenset({"In", "NotIn"})


def read_label_selector(
    document: Document, reader: Reader | None, refused_by: Layer
) -> LabelSelector:
    """The label selector that *reader* is about, the empty one for None.

    What no label could be is a problem of *refused_by*; a requirement with an illegal operator is left out.
    """
    if reader is None:
        return LabelSelector()
    labels = reader.string_map("matchLabels")
    for key, value in labels.items():
        _check_label(document, key, values=(value,), at=reader.at("matchLabels"), layer=refused_by)
    requirements = (
        _read_requirement(document, child, refused_by)
        for child in reader.children("matchExpressions")
    )
    return LabelSelector(labels, tuple(one for one in requirements if one is not None))


def _read_requirement(document: Document, reader: Reader, layer: Layer) -> Requirement | None:
    one = Requirement(reader.string("key"), reader.string("operator"), reader.strings("values"))
    _check_label(document, one.key, values=one.values, at=reader.pointer, layer=layer)
    if one.operator not in _TERMS:
        proper = next((name for name in _TERMS if name.lower() == one.operator.lower()), "")
        message = f"{one.operator!r} is no operator: {', '.join(_TERMS)}"
        hint = f'write "{proper}"' if proper else ""
        document.problem(layer, message, at=reader.at("operator"), hint=hint)
        return None
    if (one.operator in _WITH_VALUES) != bool(one.values):
        wanted = "needs values" if one.operator in _WITH_VALUES else "takes no values"
        document.problem(layer, f"{one.operator} {wanted}", at=reader.at("values"))
    return one


def _check_label(
    document: Document, key: str, *, values: tuple[str, ...], at: str, layer: Layer
) -> None:
    if not is_label_name(key):
        document.problem(layer, f"{key[:64]!r} is no name of a label", at=at)
    for value in values:
        if not is_label_value(value):
            document.problem(layer, f"{value[:64]!r} is no value of a label", at=at)
