"""One cluster read and audited in a process of its own, and what changes cost there; figures as JSON lines.

``python -m tests.bench.reading SIZE``. The objects are parsed from pages of a list, as an API server gives
them, and each page is dropped once it is decoded: the process never holds the cluster as JSON.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from service.checks.run import checks
from service.checks.settings import CheckSettings
from service.checks.standing import Standing, standing
from service.cluster.collector import no_search
from service.errors import SourceLocation
from service.model.decode import decode_object
from service.model.meta import Decoded
from service.model.snapshot import Change, Operation, Snapshot
from service.policy.world import World
from tests.bench.cluster import Size, guard, policy, service, write_pages
from tests.bench.measure import Figure, compared

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKS = frozenset({"nodeport-unguarded", "apiserver-lockout"})
_WHERE = SourceLocation("bench.json")
_RUNS = 7
_clock = time.process_time


def figures(size: Size, pages: Path) -> Iterator[Figure]:
    """Parsing, decoding, the first audit, and the audit after one change each."""
    checks()  # to import them is no part of an audit
    start = _clock()
    with pages.open("rb") as stream:
        count = sum(len(json.loads(line)) for line in stream)
    parsing = Figure(f"parse JSON, {size} ({count:,} objects)", (_clock() - start) * 1000, "ms")
    yield parsing
    start = _clock()
    with no_search():
        parsed_s, snapshot = _read(pages)
    decode_ms = (_clock() - start - parsed_s) * 1000
    yield compared(f"decode, {size}", decode_ms, "ms", to=parsing)
    world = World(snapshot)
    start = _clock()
    now = standing(world, CheckSettings(), CHECKS)
    audit_ms = (_clock() - start) * 1000
    yield compared(f"audit by both checks, {size}", audit_ms, "ms", to=parsing)
    yield compared(f"decode and audit, {size}", decode_ms + audit_ms, "ms", to=parsing)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield Figure(f"peak memory of the process, {size}", peak_mib, "MiB")
    for name, there, back in _changes(size):
        yield Figure(f"audit after {name}, {size}", _after(now, there, back) * 1000, "ms")


def _read(pages: Path) -> tuple[float, Snapshot]:
    """The seconds that parsing took, and the snapshot."""
    parsed_s = 0.0

    def decoded() -> Iterator[Decoded[object]]:
        nonlocal parsed_s
        with pages.open("rb") as stream:
            for line in stream:
                start = _clock()
                page = json.loads(line)
                parsed_s += _clock() - start
                for one in page:
                    yield _decoded(one)

    snapshot = Snapshot.of(decoded())
    return parsed_s, snapshot


def _decoded(body: object) -> Decoded[object]:
    found = decode_object(body, _WHERE)
    if not isinstance(found, Decoded):
        raise TypeError("an object of the cluster is of no kind that is read")
    return found


def _after(now: Standing, *changes: Change) -> float:
    """The median seconds of an audit after the first of *changes*; the others bring the world back."""
    samples = []
    for _ in range(_RUNS):
        start = _clock()
        after = now.after(changes[0])
        samples.append(_clock() - start)
        for change in changes[1:]:
            after = after.after(change)
    return statistics.median(samples)


def _changes(size: Size) -> Iterator[tuple[str, Change, Change]]:
    allowed = {"action": "Allow", "source": {"nets": ["10.0.0.0/8"]}}
    wider = {"action": "Allow", "source": {"nets": ["10.0.0.0/8", "172.16.0.0/12"]}}
    deny = guard("deny-the-rest", 100_000, [{"action": "Deny"}])
    for name, before, after in (
        ("a new Service", None, _named(service(0))),
        ("a new policy for pods", None, _named(policy(1))),
        ("a new policy for hosts", None, _named(policy(5))),
        ("a new preDNAT policy", None, _named(policy(10, size.network_sets))),
        (
            "a wider guard",
            guard("allow-cluster", 10, [allowed]),
            guard("allow-cluster", 10, [wider]),
        ),
        ("the loss of the guard of all ports", deny, None),
    ):
        yield name, _change(before, after), _change(after, before)


def _named(body: dict[str, object]) -> dict[str, object]:
    return {**body, "metadata": {**body["metadata"], "name": "new"}}


def _change(before: object, after: object) -> Change:
    old, new = (None if one is None else _decoded(one) for one in (before, after))
    if old is None:
        return Change(Operation.CREATE, None, new)
    return Change(Operation.DELETE if new is None else Operation.UPDATE, old, new)


if __name__ == "__main__":
    asked = Size.of(sys.argv[1])
    with TemporaryDirectory() as folder:
        written = Path(folder, "pages.jsonl")
        write_pages(asked, written)
        for figure in figures(asked, written):
            click.echo(json.dumps(figure.to_json()))
