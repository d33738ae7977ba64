"""Compare the model with measured worlds: python -m tests.reference ARCHIVE_OR_FOLDER."""

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click

from tests.reference.measured import Comparison, compare, worlds

_OUTCOMES = ("right", "wrong", "unknown")


def main() -> int:
    """Print the counts, then what disagrees; 1 where anything is wrong."""
    options = _options()
    chosen = [
        world
        for world in worlds(options.source)
        if not options.only or options.only in f"{world.folder}/{world.name}"
    ]
    with ProcessPoolExecutor(options.processes) as pool:
        results = [one for found in pool.map(compare, chosen, chunksize=4) for one in found]
    _print_counts("folder", Counter((one.folder, one.outcome) for one in results))
    if options.kinds:
        _print_counts("kind", Counter((one.kind, one.outcome) for one in results))
    for outcome, limit in (("wrong", options.show_wrong), ("unknown", options.show_unknown)):
        _print_cases([one for one in results if one.outcome == outcome][:limit])
    return any(one.outcome == "wrong" for one in results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.reference", description=__doc__)
    parser.add_argument("source", type=Path, help="an archive, or a folder of worlds")
    parser.add_argument("--only", default="", help="part of FOLDER/WORLD")
    parser.add_argument("--kinds", action="store_true", help="count by kind of flow as well")
    parser.add_argument("--show-wrong", type=int, default=10, metavar="N")
    parser.add_argument("--show-unknown", type=int, default=0, metavar="N")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def _print_counts(title: str, counts: Counter[tuple[str, str]]) -> None:
    _print_row(title, _OUTCOMES)
    for name in [*sorted({name for name, _ in counts}), "all"]:
        numbers = [
            sum(n for (one, o), n in counts.items() if o == outcome and name in {one, "all"})
            for outcome in _OUTCOMES
        ]
        _print_row(name, numbers)


def _print_row(name: str, cells: Iterable[object]) -> None:
    click.echo(f"{name:28}" + "".join(f"{cell!s:>9}" for cell in cells))


def _print_cases(cases: Iterable[Comparison]) -> None:
    for one in cases:
        said = f"{one.verdict.disposition} {one.verdict.unknown}"
        click.echo(f"\n{one.folder}/{one.world} {one.kind}: measured {one.measured}, model {said}")
        click.echo(f"  {json.dumps(one.flow)}")
        for stage in one.verdict.stages:
            click.echo(f"  {stage}")


if __name__ == "__main__":
    raise SystemExit(main())
