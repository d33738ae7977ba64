"""Compare the trace with measured worlds: python -m tests.conformance.measured ARCHIVE_OR_FOLDER."""

from __future__ import annotations

import argparse
import json
import tarfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import yaml

from service.errors import InputError, SourceLocation
from service.model.decode import decode_object
from service.model.meta import Decoded
from service.model.snapshot import Snapshot
from service.net.prefixes import parse_cidr
from service.policy.flow_query import parse_flow
from service.policy.profile import ClusterProfile
from service.policy.trace import trace
from service.policy.world import World
from tests.reference.measured import worlds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.reference.measured import MeasuredWorld

# Facts of the test bed that no object tells.
BED = ClusterProfile(routes=((parse_cidr("10.96.0.0/16"), "w1"),))
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
OUTCOMES = ("right", "wrong", "unknown")
_DISPOSITIONS = {one: one for one in ("allowed", "denied")}


class IllegibleError(Exception):
    """Measured data that cannot be read, and where."""


class Told(NamedTuple):
    """A measured flow and what the trace says of it."""

    folder: str
    world: str
    kind: str
    flow: str
    measured: str
    disposition: str
    unknown: tuple[str, ...]
    text: str

    @property
    def path(self) -> str:
        """The world's folder and name."""
        return f"{self.folder}/{self.world}"

    @property
    def outcome(self) -> str:
        """One of OUTCOMES."""
        if self.disposition == "unknown":
            return "unknown"
        return "right" if self.disposition == self.measured else "wrong"


def told(measured: MeasuredWorld) -> list[Told]:
    """Every flow of one world with its trace; the text of those that are not right."""
    where = f"{measured.folder}/{measured.name}"
    with _legible(f"{where}/cluster.yaml"):
        decoded = [
            decode_object(one, SourceLocation("cluster.yaml"))
            for document in yaml.load_all(measured.cluster, Loader=_LOADER)
            for one in _objects(document)
        ]
    snapshot = Snapshot.of(one for one in decoded if isinstance(one, Decoded))
    world = World.of(snapshot, BED)
    found = []
    for number, line in enumerate(measured.flows.splitlines(), 1):
        if not line.strip():
            continue
        with _legible(f"{where}/flows.jsonl line {number}"):
            row = json.loads(line)
            flow, expected = parse_flow(row["flow"]), _DISPOSITIONS[row["disposition"]]
        answer = trace(world, flow)
        is_right = answer.disposition == expected
        found.append(
            Told(
                measured.folder,
                measured.name,
                row.get("kind", ""),
                json.dumps(row["flow"]),
                expected,
                answer.disposition.value,
                answer.unknown,
                "" if is_right else answer.to_text(),
            )
        )
    return found


def _objects(document: Any) -> list[object]:
    """The objects of one document: those of a list, or itself, if it is any."""
    if isinstance(document, dict) and isinstance(document.get("items"), list):
        return list(document["items"])
    return [document] if document else []


@contextmanager
def _legible(where: str) -> Iterator[None]:
    """Whatever cannot be read says *where* it was. Raises: IllegibleError."""
    try:
        yield
    except KeyError as error:
        raise IllegibleError(f"{where}: there is no {error.args[0]!r} that is known") from error
    except (ValueError, TypeError, InputError, yaml.YAMLError) as error:
        raise IllegibleError(f"{where}: {error}") from error


def told_all(chosen: Iterable[MeasuredWorld], processes: int = 2) -> list[Told]:
    """The flows of many worlds, told in parallel; each world is read once."""
    with ProcessPoolExecutor(processes) as pool:
        return [one for found in pool.map(told, chosen, chunksize=4) for one in found]


def main() -> int:
    """Print the counts, then each divergence; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.measured")
    parser.add_argument("source", type=Path, help="an archive, or a folder of worlds")
    parser.add_argument("--only", default="", help="part of FOLDER/WORLD")
    parser.add_argument("--limit", type=int, default=20, help="how many divergences are shown")
    parser.add_argument("--output", type=Path, help="a file for the numbers")
    options = parser.parse_args()
    try:
        every = list(worlds(options.source))
        chosen = [one for one in every if options.only in f"{one.folder}/{one.name}"]
        found = told_all(chosen)
    except (OSError, tarfile.TarError, UnicodeDecodeError, IllegibleError) as error:
        parser.error(f"{options.source}: {error}")
    if not found:
        parser.error(f"{options.source}: no world with cluster.yaml and flows.jsonl is in it")
    counts = Counter((one.folder, one.outcome) for one in found)
    for folder in sorted({one.folder for one in found}):
        _print(folder, [counts[folder, outcome] for outcome in OUTCOMES])
    _print("all", [sum(one.outcome == outcome for one in found) for outcome in OUTCOMES])
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(_numbers(found), indent=2) + "\n", encoding="utf-8")
    diverging = [one for outcome in ("wrong", "unknown") for one in found if one.outcome == outcome]
    for one in diverging[: options.limit]:
        click.echo(f"\n{one.path} {one.kind}: measured {one.measured}\n{one.flow}")
        click.echo(one.text)
    return any(one.outcome == "wrong" for one in found)


def _numbers(found: list[Told]) -> dict[str, object]:
    """Rows of a folder and its counts, and each unknown with its reason."""
    counts = Counter((one.folder, one.outcome) for one in found)
    folders = sorted({one.folder for one in found})
    rows = [[name, *(counts[name, outcome] for outcome in OUTCOMES)] for name in folders]
    total = ["all", *(sum(one.outcome == outcome for one in found) for outcome in OUTCOMES)]
    unknown = [f"{one.path}: {', '.join(one.unknown)}" for one in found if one.outcome == "unknown"]
    return {"folders": [*rows, total], "unknown": unknown}


def _print(name: str, numbers: list[int]) -> None:
    cells = " ".join(
        f"{number:>7} {outcome}" for number, outcome in zip(numbers, OUTCOMES, strict=True)
    )
    click.echo(f"{name:16}{cells}")


if __name__ == "__main__":
    raise SystemExit(main())
