"""What Calico's staged policies have besides the policy that they carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.model.document import API_SERVER
from service.model.meta import Layer

if TYPE_CHECKING:
    from service.model.document import Document, Reader

_SET, _DELETE = "Set", "Delete"
_ACTIONS = (_SET, _DELETE, "Learn", "Ignore")


def read_staged_action(document: Document, spec: Reader) -> str:
    """What would be done with the policy; "Set" where absent, which is a default on record."""
    action = spec.string("stagedAction")
    at = spec.at("stagedAction")
    if not action:
        document.default(at, _SET, API_SERVER)
        return _SET
    if action not in _ACTIONS:
        message = f"{action!r} is no staged action: {', '.join(_ACTIONS)}"
        document.problem(Layer.SCHEMA, message, at=at)
    return action


def check_staged_delete(document: Document, spec: Reader, action: str) -> None:
    """The validator's rule that a Delete tells nothing of the policy; *spec* has been read in full."""
    kept = {"tier", "stagedAction"}
    if action == _DELETE and any(spec.raw.get(key) for key in spec.asked - kept):
        message = "a staged Delete has no field but its tier"
        document.problem(Layer.VALIDATOR, message, at=spec.pointer)
