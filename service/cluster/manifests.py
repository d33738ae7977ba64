"""Files, folders, streams and request bodies to a snapshot, with every error kept."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from service.cluster import capture
from service.cluster.collector import no_search
from service.cluster.yaml_docs import MAX_BYTES, YamlDocument, decoded_text, documents
from service.errors import InputError, ManifestError, SourceLocation
from service.model.blanks import spaced
from service.model.decode import Skipped, decode_object
from service.model.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from service.model.meta import Decoded

STDIN = "-"

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_LIST = "List"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What manifests hold: the snapshot of all that could be read, and why the rest could not.

    ``documents`` counts objects, those of lists singly; ``skipped`` those of unread kinds by group/version
    and kind. ``mended`` is the snapshot that the author seems to have meant, None where that is no
    other: indented with spaces, and with no ``spec`` under ``metadata``.
    """

    snapshot: Snapshot
    errors: tuple[InputError, ...] = ()
    files: int = 0
    documents: int = 0
    mended: Snapshot | None = None

    @property
    def skipped(self) -> Mapping[str, int]:
        """How many objects of each unread kind there are."""
        return self.snapshot.skipped


def load_paths(paths: Sequence[str], *, stdin: BinaryIO | None = None) -> Loaded:
    """The objects of files, folders (recursively: .yaml, .yml, .json, sorted by path) and "-".

    *stdin* is what "-" reads, the process's own unless given. Nothing is raised: every error is in the
    result.
    """
    loading = _Loading()
    with no_search():
        for path in paths:
            for file in _files(path, loading.errors):
                loading.add_file(file, stdin)
        return loading.loaded()


def load_text(text: str | bytes, name: str) -> Loaded:
    """The objects of one stream of documents; errors call it *name*."""
    loading = _Loading()
    loading.add_stream(text, name)
    return loading.loaded()


def load_texts(texts: Iterable[tuple[str, str | bytes]]) -> Loaded:
    """The objects of several streams, each a name and its text, as if they were files."""
    loading = _Loading()
    for name, text in texts:
        loading.add_stream(text, name)
    return loading.loaded()


def _files(path: str, errors: list[InputError]) -> Iterator[str]:
    """The file *path*, or the files under it if it is a folder."""
    if path == STDIN or not Path(path).is_dir():
        yield path
        return
    top = Path(path)
    # Hidden folders hold copies: a mounted ConfigMap's data stand in one and are linked to from outside.
    found = [
        one
        for one in top.rglob("*")
        if one.suffix in _SUFFIXES
        and not any(part.startswith(".") for part in one.relative_to(top).parts)
        and one.is_file()
    ]
    if not found:
        detail = "no .yaml, .yml or .json file in this folder"
        errors.append(ManifestError(detail, location=SourceLocation(path)))
    yield from sorted(map(str, found))


class _Reading(Enum):
    """How a text is taken."""

    AS_WRITTEN = "as written"
    AS_MEANT = "as meant"
    """With the blanks that pages put for spaces as spaces, and ``spec`` brought out of ``metadata``."""


@dataclass(slots=True)
class _Loading:
    """A load under way. ``mistaken`` says that some text, as meant, is another than as written."""

    reading: _Reading = _Reading.AS_WRITTEN
    decoded: list[Decoded[object]] = field(default_factory=list)
    errors: list[InputError] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    texts: list[tuple[str, str]] = field(default_factory=list)
    files: int = 0
    documents: int = 0
    mistaken: bool = False

    def add_file(self, file: str, stdin: BinaryIO | None) -> None:
        """Take in one file, or standard input."""
        try:
            data = _stdin_bytes(stdin) if file == STDIN else _file_bytes(file)
        except OSError as error:
            detail = f"cannot be read: {error.strerror or error}"
            self.errors.append(ManifestError(detail, location=SourceLocation(file)))
            return
        self.add_stream(data, "<stdin>" if file == STDIN else file)

    def add_stream(self, data: str | bytes, name: str) -> None:
        """Take in one stream of documents."""
        self.files += 1
        if capture.is_capture(_head(data)):
            self.add_capture(data.encode() if isinstance(data, str) else data, name)
            return
        try:
            text = data if isinstance(data, str) else decoded_text(data, name)
        except ManifestError as error:
            self.errors.append(error)
            return
        self.texts.append((name, text))
        self.mistaken = self.mistaken or spaced(text) != text
        if self.reading is _Reading.AS_MEANT:
            text = spaced(text)
        for document in documents(text, name):
            if isinstance(document, ManifestError):
                self.errors.append(document)
            else:
                self.add_document(document)

    def add_capture(self, data: bytes, name: str) -> None:
        """Take in a cluster as a file."""
        try:
            decoded = capture.read(data, name).decoded
        except ManifestError as error:
            self.errors.append(error)
            return
        self.decoded += decoded
        self.documents += len(decoded)

    def add_document(self, document: YamlDocument) -> None:
        """Take in one document: an object, or a list of them."""
        for pointer, written in _objects(document.value):
            self.documents += 1
            meant = _upright(written)
            self.mistaken = self.mistaken or meant is not written
            value = meant if self.reading is _Reading.AS_MEANT else written
            try:
                result = decode_object(
                    value, document.at(pointer), lambda part, base=pointer: document.at(base + part)
                )
            except InputError as error:
                self.errors.append(error)
                continue
            if not isinstance(result, Skipped):
                self.decoded.append(result)
                continue
            self.skipped[str(result.gvk)] += 1
            if result.decoded is not None:
                self.decoded.append(result.decoded)

    def loaded(self) -> Loaded:
        """The result."""
        snapshot = Snapshot.of(self.decoded, skipped=self.skipped)
        mended = self._as_meant() if self.mistaken else None
        return Loaded(snapshot, tuple(self.errors), self.files, self.documents, mended)

    def _as_meant(self) -> Snapshot:
        meant = _Loading(_Reading.AS_MEANT)
        for name, text in self.texts:
            meant.add_stream(text, name)
        return Snapshot.of(meant.decoded, skipped=meant.skipped)


def _upright(value: object) -> object:
    """The object with a ``spec`` that stands under ``metadata`` beside it; the same one otherwise."""
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(metadata, dict) or "spec" in value:
        return value
    if not isinstance(metadata.get("spec"), dict):
        return value
    outer = {name: one for name, one in metadata.items() if name != "spec"}
    return {**value, "metadata": outer, "spec": metadata["spec"]}


def _objects(value: object) -> Iterable[tuple[str, object]]:
    """The objects of a document with their JSON pointers: itself, or the items of a list kind.

    Items of a typed list lack what the list says for all of them.
    """
    if not isinstance(value, dict):
        return [("", value)]
    kind, items = value.get("kind"), value.get("items")
    if not (isinstance(kind, str) and kind.endswith(_LIST) and isinstance(items, list)):
        return [("", value)]
    implied = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix(_LIST)}
    return [
        (
            f"/items/{index}",
            {**implied, **item} if kind != _LIST and isinstance(item, dict) else item,
        )
        for index, item in enumerate(items)
    ]


def _head(data: str | bytes) -> bytes:
    head = data[: capture.HEAD_BYTES]
    return head.encode() if isinstance(head, str) else head


def _file_bytes(file: str) -> bytes:
    with Path(file).open("rb") as stream:
        return _bounded(stream)


def _stdin_bytes(stdin: BinaryIO | None) -> bytes:
    return _bounded(stdin or sys.stdin.buffer)


def _bounded(stream: BinaryIO) -> bytes:
    """All of *stream*, or one byte more than may be read of it."""
    head = stream.read(capture.HEAD_BYTES)
    limit = capture.MAX_BYTES if capture.is_capture(head) else MAX_BYTES
    return head + stream.read(limit + 1 - len(head))
