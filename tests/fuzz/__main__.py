"""``make fuzz``: reviews that no API server would send, by the million.

    python -m tests.fuzz [--reviews N] [--seed S] [--output FILE]

Each is answered by the admission door in one of many small clusters. A stack trace, a fault of the engine, an
answer of another form, or one after the deadline ends the run with the review that did it.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from pathlib import Path

import structlog

from tests.fuzz.door import Door, FuzzError


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.fuzz")
    options.add_argument("--reviews", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--output", type=Path)
    given = options.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    door, started = Door(given.seed), time.monotonic()
    try:
        for number in range(given.reviews):
            door.answer()
            if number % 50_000 == 0:
                sys.stderr.write(f"{number} reviews, {door.counts}\n")
                _write(given.output, _figures(door, given.seed, started))
    except FuzzError as error:
        sys.stderr.write(f"seed {given.seed}: {error}\n")
        return 1
    figures = _figures(door, given.seed, started)
    sys.stdout.write(f"{json.dumps(figures)}\n")
    _write(given.output, figures)
    return 0


def _figures(door: Door, seed: int, started: float) -> dict[str, object]:
    """What has been answered so far."""
    return {
        "reviews": door.counts.total(),
        "seed": seed,
        "answers": dict(door.counts),
        "slowest_ms": round(door.slowest_s * 1000, 1),
        "seconds": round(time.monotonic() - started),
    }


def _write(path: Path | None, figures: dict[str, object]) -> None:
    """Leave *figures* in a file, where one is asked for: a run that is ended leaves what it has."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{json.dumps(figures, indent=2)}\n")


if __name__ == "__main__":
    sys.exit(main())
