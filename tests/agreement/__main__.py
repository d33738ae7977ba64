"""``make nightly``: sets, traces and the reference model in drawn worlds.

    python -m tests.agreement [--worlds N] [--first NUMBER] [--flows N] [--processes N] [--output FILE] [--resume]

Prints the numbers, and every disagreement with the number of its world: ``--first NUMBER --worlds 1`` tries
that one again. The exit code is 1 if there is one. ``--resume`` goes on from what the output file has counted,
once it has tried again the worlds that differed: those that do not any more are listed as mended.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tests.agreement.judge import judge
from tests.agreement.tally import Tally
from tests.agreement.worlds import draw

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOGETHER = 200
"""Worlds that one process judges at a time."""
_COLLECTED_TOGETHER = 50


def judged(numbers: range, flows: int) -> Tally:
    """What was found in the worlds of these numbers.

    Worlds are full of cycles: they are collected many at a time, for a third of the time went into looking.
    """
    tally = Tally()
    gc.disable()
    try:
        for at, number in enumerate(numbers, 1):
            judge(draw(number, flows), tally)
            if at % _COLLECTED_TOGETHER == 0:
                gc.collect()
    finally:
        gc.enable()
    return tally


def main() -> int:
    """0 if all agree in all worlds."""
    given = _arguments()
    tally = Tally()
    if given.resume and given.output and given.output.exists():
        tally = before(given.output, given.first, flows=given.flows)
    with ProcessPoolExecutor(given.processes) as pool:
        whole = range(given.first + tally.worlds, given.first + given.worlds)
        slices = (whole[at : at + _TOGETHER] for at in range(0, len(whole), _TOGETHER))
        for found in _in_turn(pool, slices, given):
            tally.add(found)
            _write(given.output, {"first": given.first, **tally.to_json()})
            if tally.worlds % 5000 < _TOGETHER:
                sys.stderr.write(f"{tally.worlds} worlds, {len(tally.differing)} disagreements\n")
    found_in_all = {"first": given.first, **tally.to_json()}
    _write(
        given.output, found_in_all
    )  # what was tried again is told where nothing else was to be done
    sys.stdout.write(json.dumps(found_in_all, indent=2) + "\n")
    return bool(tally.differing)


def before(output: Path, first: int, *, flows: int) -> Tally:
    """What *output* has counted of a run with the same *first* world; what differed is tried again."""
    found = json.loads(output.read_text(encoding="utf-8"))
    if found["first"] != first:
        return Tally()
    tally = Tally.from_json(found)
    differed, tally.differing = tally.differing, []
    for number in dict.fromkeys(int(one.split(" ", 1)[0]) for one in differed):
        again = judged(range(number, number + 1), flows).differing
        tally.differing += again
        tally.mended += [] if again else [number]
    return tally


def _in_turn(
    pool: ProcessPoolExecutor, slices: Iterator[range], given: argparse.Namespace
) -> Iterator[Tally]:
    """The slices judged, none of them begun long before it is asked for."""
    pending = [pool.submit(judged, one, given.flows) for one in islice(slices, 2 * given.processes)]
    while pending:
        yield pending.pop(0).result()
        pending += [pool.submit(judged, one, given.flows) for one in islice(slices, 1)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.agreement")
    parser.add_argument("--worlds", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first world")
    parser.add_argument("--flows", type=int, default=4, help="in each world")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--output", type=Path, help="a file for the result, rewritten as the run goes on"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the output file")
    return parser.parse_args()


def _write(path: Path | None, found: dict[str, object]) -> None:
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
