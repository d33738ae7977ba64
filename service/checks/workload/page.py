"""The effective policy of a workload, and what a label would change, as every door tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.checks.workload.effective import effective, found
from service.checks.workload.relabelled import turned
from service.errors import NotFoundError
from service.policy.cause import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.checks.verdict import Json
    from service.checks.workload.effective import Effective
    from service.checks.workload.relabelled import Turned
    from service.policy.world import World

_ROLES_SHOWN = 20
_PODS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Page:
    """What is told of one party; ``turned`` is None where no label was asked about."""

    effective: Effective
    labels: Mapping[str, str | None]
    turned: tuple[Turned, ...] | None

    def to_json(self) -> dict[str, Json]:
        """As JSON."""
        told = self.effective.to_json()
        told["change"] = {**self.labels}
        told["turned"] = None if self.turned is None else [one.to_json() for one in self.turned]
        return told

    def to_text(self) -> str:
        """For people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        told = self.effective
        yield str(told.party.ref)
        names = [pod.name for pod in told.party.pods]
        more = f" and {len(names) - _PODS_SHOWN} more" if len(names) > _PODS_SHOWN else ""
        yield f"  pods: {', '.join(names[:_PODS_SHOWN]) or 'none is known'}{more}"
        own = (f"{name}={value}" for name, value in sorted(told.party.pod_labels.items()))
        yield f"  labels: {' '.join(own) or 'none'}"
        for way in Direction:
            yield from self._direction(way)
        if told.granted:
            yield "granted by others"
        for one in told.granted:
            perhaps = "" if one.sure else " (perhaps)"
            yield f"  {one.policy.meta.ref}, {one.direction} rule {one.index}: {one.rule}{perhaps}"
        if told.roles:
            yield "roles"
        for role in told.roles[:_ROLES_SHOWN]:
            mark = "*" if role.held else " "
            yield f"  {mark} {role.label}={role.value}: {', '.join(role.policies)}"
        if len(told.roles) > _ROLES_SHOWN:
            yield f"  and {len(told.roles) - _ROLES_SHOWN} more"
        for why in told.unknown:
            yield f"unknown: {why}"
        yield from self._change()

    def _direction(self, way: Direction) -> Iterator[str]:
        yield str(way)
        for one in self.effective.earned:
            if one.direction is way:
                by = f" by {', '.join(one.by)}" if one.by else ""
                yield f"  {one.policy.meta.ref}{by}"
                yield from (f"    {rule}" for rule in one.rules)
        yield f"  otherwise: {dict(self.effective.ends)[way]}"

    def _change(self) -> Iterator[str]:
        if self.turned is None:
            return
        asked = (
            f"{name}-" if value is None else f"{name}={value}"
            for name, value in self.labels.items()
        )
        yield f"with {', '.join(asked)}"
        for one in self.turned:
            yield from (f"  {line}" for line in one.to_text().split("\n"))
        if not self.turned:
            yield "  no flow opens or closes"


def pages(world: World, name: str, labels: Mapping[str, str | None]) -> tuple[Page, ...]:
    """The page of each party of the workload or pod *name*, "namespace/name".

    *labels* are those that it would have besides; None takes one away.

    Raises: NotFoundError where nothing that policy for pods is about bears the name.
    """
    namespace, _, own = name.rpartition("/")
    members = found(world, namespace or "default", own)
    if not members:
        raise NotFoundError(f"there is no workload {name}, or policy for pods is not about it")
    return tuple(
        Page(effective(world, one), labels, turned(world, one, labels) if labels else None)
        for one in members
    )
