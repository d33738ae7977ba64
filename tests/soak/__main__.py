"""``make soak``: half an hour of mixed reviews in a large cluster whose policies change all the time.

    python -m tests.soak [--size L] [--minutes 30] [--output FILE]

Memory, threads, descriptors and the 99th percentile of Service reviews have to stay flat.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.soak.drive import soak


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.soak")
    options.add_argument("--size", default="L")
    options.add_argument("--minutes", type=float, default=30.0)
    options.add_argument("--output", type=Path)
    given = options.parse_args()
    with TemporaryDirectory() as folder:
        found = soak(given.size, given.minutes, Path(folder))
    figures = {"size": given.size, **found.figures(), "faults": found.faults()}
    sys.stdout.write(f"{json.dumps(figures)}\n")
    if given.output:
        given.output.parent.mkdir(parents=True, exist_ok=True)
        given.output.write_text(f"{json.dumps(figures, indent=2)}\n")
    return 1 if found.faults() else 0


if __name__ == "__main__":
    sys.exit(main())
