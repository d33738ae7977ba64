"""What a change set would do: the world after it, judged as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.errors import InputError, SourceLocation
from service.model.snapshot import Change, Operation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.model.meta import Decoded
    from service.model.refs import ObjectRef
    from service.policy.world import World


def changed(world: World, given: Iterable[Decoded[object]], deleted: Iterable[ObjectRef]) -> World:
    """*world* with the objects *given*, in place of those of their names, and without those *deleted*.

    The order does not matter: what is given and deleted is an error, and so is what is not there.
    Raises: InputError.
    """
    after = world
    taken: set[ObjectRef] = set()
    for one in given:
        before = world.snapshot.find(one.ref)
        operation = Operation.UPDATE if before else Operation.CREATE
        after = after.with_change(Change(operation, before, one))
        taken.add(one.ref)
    for index, ref in enumerate(deleted):
        before = world.snapshot.find(ref)
        if before is None or ref in taken:
            detail = f"{ref} is {'given, too' if ref in taken else 'not there'}"
            raise InputError(detail, location=SourceLocation(pointer=f"/deleted/{index}"))
        after = after.with_change(Change(Operation.DELETE, before, None))
    return after
