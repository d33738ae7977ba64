"""Runs worlds in a network namespace of its own: `python -m tests.kernel --packets 10000`.

Prints what was found as JSON, and every disagreement; the exit code is 1 if there is one. A world is
named by theme and seed, and `--theme`, `--seed` and `--worlds 1` try that one again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from itertools import count
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.kernel.calls import Calls
from tests.kernel.machine import ISOLATION, unavailable
from tests.kernel.recipes import recipes
from tests.kernel.tally import Tally
from tests.kernel.trial import Lab
from tests.kernel.worlds import THEMES, draw, with_policies_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.reference.policies import Raw

RECIPES = "recipes"
ESTABLISHED = "established"
_INSIDE = "--inside"
_POLICIES = ("GlobalNetworkPolicy", "NetworkPolicy")


def main() -> int:
    """0 if the engine and the kernel agree."""
    arguments = _arguments()
    if not arguments.inside:
        reason = unavailable()
        if reason:
            sys.exit(f"tests.kernel: {reason}")
        command = [*ISOLATION, sys.executable, "-m", "tests.kernel", *sys.argv[1:], _INSIDE]
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    tally = _run(arguments)
    found = tally.to_json()
    if arguments.json:
        path = Path(arguments.json)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return bool(tally.differing)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kernel")
    parser.add_argument("--packets", type=int, default=10_000, help="stop when so many were sent")
    parser.add_argument("--worlds", type=int, default=0, help="or when so many worlds were tried")
    parser.add_argument("--each", type=int, default=80, help="packets in a world")
    parser.add_argument("--seed", type=int, default=0, help="of the first world")
    parser.add_argument("--theme", choices=(*THEMES, RECIPES, ESTABLISHED), action="append")
    parser.add_argument("--json", default="", help="a file for the result")
    parser.add_argument("--lying", action="store_true", help="hide policies from the engine")
    parser.add_argument(_INSIDE, action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> Tally:
    tally, lab = Tally(), Lab()
    try:
        for name, objects, later in _worlds(arguments):
            calls = Calls(Random(name), objects).draw(arguments.each)
            hidden = _POLICIES if arguments.lying else ()
            found = (
                lab.try_established(objects, later, calls)
                if later
                else lab.try_world(objects, calls, hidden=hidden)
            )
            tally.add(name, found)
            if tally.dispositions.total() >= arguments.packets or tally.worlds == arguments.worlds:
                break
    finally:
        lab.close()
    return tally


def _worlds(arguments: argparse.Namespace) -> Iterator[tuple[str, list[Raw], list[Raw]]]:
    """Recipes, if asked for, then drawn worlds of all themes in turn; those to come after, if any."""
    themes = arguments.theme or [RECIPES, *THEMES, ESTABLISHED]
    if RECIPES in themes:
        yield from ((name, objects, []) for name, objects in recipes())
    drawn = [theme for theme in themes if theme != RECIPES]
    for seed in count(arguments.seed) if drawn else ():
        for theme in drawn:
            name = f"{theme} {seed}"
            if theme == ESTABLISHED:
                first, later = draw("mixed", seed), draw(THEMES[seed % len(THEMES)], seed + 1)
                yield name, first, with_policies_of(first, later)
            else:
                yield name, draw(theme, seed), []


if __name__ == "__main__":
    sys.exit(main())
