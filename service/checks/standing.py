"""What the checks say of a world that changes, at the cost of what each change touches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.checks.contract import Transition
from service.checks.run import checks, in_order
from service.model.overlay import with_entry

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from service.checks.contract import Check, Verdicts
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Verdict
    from service.model.refs import ObjectRef
    from service.model.snapshot import Change
    from service.policy.world import World


@dataclass(frozen=True, slots=True)
class Standing:
    """The verdicts on one world, by check and subject; none of them has a fix."""

    world: World
    settings: CheckSettings
    by_check: Mapping[str, Verdicts]

    def verdicts(self) -> Iterator[Verdict]:
        """All verdicts in the order of an audit; O(n log n)."""
        for by_subject in self.by_check.values():
            yield from in_order(one for alike in by_subject.values() for one in alike)

    def after(self, change: Change, world: World | None = None) -> Standing:
        """What the checks say after *change*, by which *world* differs from this one where it is given.

        A check that can tell which subjects a change touches judges those alone; the others judge all.
        """
        world = self.world.with_change(change) if world is None else world
        transition = Transition(self.world, world, change)
        return Standing(
            world,
            self.settings,
            {
                check.id: self._judged_again(check, transition)
                for check in checks()
                if check.id in self.by_check
            },
        )

    def _judged_again(self, check: Check, transition: Transition) -> Verdicts:
        known = self.by_check[check.id]
        touched = check.reaudit(transition, self.settings, known) if check.reaudit else None
        if touched is None:
            return by_subject(check.audit(transition.after, self.settings))
        for subject, verdicts in touched.items():
            if verdicts or subject in known:
                known = with_entry(known, subject, verdicts or None)
        return known


def standing(world: World, settings: CheckSettings, only: Container[str] | None = None) -> Standing:
    """What all checks, or those whose id is in *only*, say of *world*."""
    chosen = (check for check in checks() if only is None or check.id in only)
    return Standing(
        world, settings, {one.id: by_subject(one.audit(world, settings)) for one in chosen}
    )


def by_subject(verdicts: Iterable[Verdict]) -> dict[ObjectRef, tuple[Verdict, ...]]:
    """*verdicts* by their subject."""
    found: dict[ObjectRef, list[Verdict]] = {}
    for one in verdicts:
        found.setdefault(one.subject, []).append(one)
    return {subject: tuple(alike) for subject, alike in found.items()}
