"""The exception tree: a stable code for every way in which Nodeward can refuse or fail.

Doors translate these and nothing else: REST to problem+json, the command line to an exit code,
the webhook to an HTTP status. Raise the narrowest; catch only to add context, or at a door.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class SourceLocation:
    """Where a value was read: file (or "request body"), 1-based line and column, JSON pointer.

    ``line`` and ``column`` are 0 where the input has none (an object that came over the network).
    """

    file: str = ""
    line: int = 0
    column: int = 0
    pointer: str = ""

    def __str__(self) -> str:
        place = self.file or "input"
        if self.line:
            place = f"{place}:{self.line}"
            if self.column:
                place = f"{place}:{self.column}"
        return f"{place} {self.pointer}" if self.pointer else place

    def at(self, pointer: str) -> SourceLocation:
        """The same place with another JSON pointer (RFC 6901)."""
        return SourceLocation(self.file, self.line, self.column, pointer)


class AuditorError(Exception):
    """Root of every error that Nodeward raises on purpose.

    ``code`` is stable and documented; ``title`` is the same for every occurrence of a code;
    ``detail`` is about this one.
    """

    code = "error"
    title = "Nodeward failed"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


class InputError(AuditorError):
    """What the caller gave cannot be used; repeating it unchanged cannot help."""

    code = "bad-input"
    title = "The input cannot be used"

    def __init__(self, detail: str, *, location: SourceLocation | None = None) -> None:
        super().__init__(detail)
        self.location = location or SourceLocation()

    def __str__(self) -> str:
        if self.location == SourceLocation():
            return self.detail
        return f"{self.location}: {self.detail}"


class ManifestError(InputError):
    """A file or document that is no readable YAML or JSON."""

    code = "unreadable-manifest"
    title = "The manifest cannot be read"


class DecodeError(InputError):
    """A document that is readable but is not an object of its kind."""

    code = "undecodable-object"
    title = "The object does not fit its kind"


class SelectorError(InputError):
    """A selector that Calico's parser refuses. ``column`` is 1-based in ``text``."""

    code = "bad-selector"
    title = "The selector does not parse"

    def __init__(self, detail: str, *, text: str, column: int) -> None:
        super().__init__(f"column {column}: {detail}")
        self.text = text
        self.column = column


class SettingsError(InputError):
    """A setting that is unknown or has an impossible value."""

    code = "bad-setting"
    title = "A setting cannot be used"


class ConflictError(AuditorError):
    """The request contradicts what is stored."""

    code = "conflict"
    title = "The request conflicts with the stored state"


class NotFoundError(AuditorError):
    """What was asked for does not exist."""

    code = "not-found"
    title = "There is no such thing"


class UnavailableError(AuditorError):
    """Something that we depend on does not answer now; repeating may help."""

    code = "unavailable"
    title = "A needed part is unavailable"


class SourceError(UnavailableError):
    """Manifests or a cluster that cannot be read now."""

    code = "source-unavailable"
    title = "The source of objects cannot be read"


class StoreError(UnavailableError):
    """The store of results cannot be used now."""

    code = "store-unavailable"
    title = "The store cannot be used"


class EngineError(AuditorError):
    """A defect of Nodeward itself; ``digest`` names the snapshot that shows it."""

    code = "engine-fault"
    title = "Nodeward has a defect"

    def __init__(self, detail: str, *, digest: str = "") -> None:
        super().__init__(detail)
        self.digest = digest
