"""``make bench``: decoding, audit and reviews of generated clusters, as ratios within one run.

Writes build/bench.json, a list of {name, value, unit, ratio_to, ratio}, and with ``--write`` a page.
Loads are bounded in count and time and stay on loopback.
"""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tests.bench.cluster import NAMED, Size
from tests.bench.door import throughput
from tests.bench.engine import reading, reviewing, scaling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.measure import Figure

_RESULT = Path("build/bench.json")
_INTRO = """\
# Benchmarks

Written by `make bench BENCH='--write docs/benchmarks.md'`; nobody edits it. A size is
nodes/host endpoints/policies/Services. Times are medians of several runs, those that are compared
taking turns; the first review of a world, which pays for what all later ones share, is not among
them. **Only the ratios travel**: the values are those of one run on {machine}, which was not idle,
and the client of the HTTPS rows is a Python process on the same machine.

In every cluster each node has one host endpoint in one of ten zones, one policy in five is for hosts
(half of those preDNAT), and every node port is guarded. "Delete guard" is the change that exposes all
node ports at once: twenty are told one by one, the rest together.

| what | value | unit | ratio | to |
|---|---:|---|---:|---|
"""


@click.command()
@click.option("--size", "texts", multiple=True, default=("S", "M"), show_default=True)
@click.option(
    "--write", "page", type=click.Path(path_type=Path), help="Write a page of the figures."
)
@click.option("--doors/--no-doors", default=True, show_default=True, help="Measure over HTTPS too.")
def main(texts: tuple[str, ...], *, page: Path | None, doors: bool) -> None:
    """Measure clusters of the sizes S, M, L or nodes/host endpoints/policies/Services."""
    found = []
    for figure in _figures([Size.of(text) for text in texts], doors=doors):
        click.echo(figure)
        found.append(figure)
    _RESULT.parent.mkdir(exist_ok=True)
    _RESULT.write_text(json.dumps([one.to_json() for one in found], indent=1) + "\n")
    if page is not None:
        page.write_text(_INTRO.format(machine=_machine()) + "".join(map(_row, found)))


def _figures(sizes: list[Size], *, doors: bool) -> Iterator[Figure]:
    for size in sizes:
        yield from reading(str(size), size)
    yield from scaling(NAMED["S"])
    for bigger in sizes[1:]:
        yield from reviewing(sizes[0], bigger)
    if doors:
        for size in sizes:
            yield from throughput(size)


def _row(figure: Figure) -> str:
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    return f"| {figure.name} | {figure.value:.2f} | {figure.unit} | {ratio} | {figure.ratio_to} |\n"


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


main()
