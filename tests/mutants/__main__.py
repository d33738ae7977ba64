"""``make mutants``: python -m tests.mutants [--floor NAME] [--count N] [--seed N] [--output FILE].

Prints how many mutants of each floor some test noticed, and every one that none did. What is not run: a
line's tests beyond a budget of seconds, so that the score is a lower bound.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.mutants.plugin import KILLED, LATE, Floor, Mutants

if TYPE_CHECKING:
    from collections.abc import Sequence

FLOORS = ("net", "model", "policy", "checks", "admission")
TESTS = (
    "tests/unit",
    "tests/property",
    "tests/cases",
    *(f"tests/conformance/test_{name}.py" for name in ("objects", "trace_recombined")),
    *(f"tests/conformance/test_{name}_beyond_the_data.py" for name in ("trace", "reach")),
)


def main() -> int:
    """0 once all mutants have been tried; tests that fail without any are left out."""
    given = _arguments()
    floors = [Floor(name, given.seed, given.count) for name in given.floor or FLOORS]
    os.environ.setdefault("HYPOTHESIS_PROFILE", "few")
    options = [
        "-o",
        "addopts=",
        *(f"-pno:{name}" for name in ("randomly", "cacheprovider", "terminal")),
    ]

    def write() -> None:
        if given.output:
            given.output.parent.mkdir(parents=True, exist_ok=True)
            given.output.write_text(_text(given.seed, floors), encoding="utf-8")

    mutants = Mutants(floors, given.processes, write)
    code = pytest.main([*options, *(given.tests or TESTS)], plugins=[mutants])
    sys.stdout.write(_text(given.seed, floors))
    return code


def _text(seed: int, floors: Sequence[Floor]) -> str:
    tried = {one.name: told(one) for one in floors if one.found}
    return json.dumps({"seed": seed, "floors": tried}, indent=2) + "\n"


def told(floor: Floor) -> dict[str, object]:
    """A floor's numbers, and the mutants that nobody noticed."""
    counts = Counter(floor.found.values())
    missed = [
        f"{site} ({what})"
        for site, what in sorted(floor.found.items())
        if what not in {KILLED, LATE}
    ]
    return {"mutants": len(floor.found), **dict(sorted(counts.items())), "missed": missed}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--floor", choices=FLOORS, action="append")
    parser.add_argument("--count", type=int, default=300, help="mutants of each floor")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--tests", action="append", help="tests that may notice; several times")
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
