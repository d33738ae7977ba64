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
from tests.bench.peers import beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.measure import Figure

_RESULT = Path("build/bench.json")
_INTRO = """\
# Benchmarks

Written by `make bench BENCH='--write docs/benchmarks.md'`; nobody edits it. S is a cluster of 100 nodes,
100 policies, 1,000 pods and 200 Services, M of 1,000, 1,000, 20,000 and 2,000, L of 5,000, 10,000, 150,000
and 10,000; L has 1,000 network sets with 100,000 CIDRs besides, S and M a fiftieth and a fifth of them.
Others are told as nodes/policies/pods/Services. **Only the ratios travel**: the values are those of one run
on {machine}, which was not idle.

Parsing, decoding and audits are timed in a process of their own, in its processor time: `json.loads` of the
pages of a list, each dropped when it is read; the decoding of these pages alone; and the first audit by
the checks nodeport-unguarded and apiserver-lockout, which works out everything anew. The audit after a
change follows from the verdicts before it. Reviews are medians of several runs, those that are compared
taking turns; the first review of a world, which pays for what all later ones share, is not among them. The
client of the HTTPS rows is a Python process on the same machine; each review there is of another object
with a node port of its own, and the door's answers are told as multiples of those of a handler that reads the same bodies
under the same server and answers a constant.

In every cluster each node has one host endpoint in one of ten zones, one policy in five is for hosts
(half of those preDNAT, and half of these by a network set), and every node port is guarded: the first
2,500 Services have one. "Delete guard" exposes all of them at once: twenty are told one by one, the rest
together. A pod is 1.2 kB of JSON.

Beside them is what one would pick instead, where `make bench-peers` has installed it, asked the same
question. network-config-analyzer tells which pods may call which, Nodeward the same for classes of pods that
nothing tells apart, each with its members. The peer knows no host endpoint, no preDNAT or
untracked policy, no node port and no NAT. OPA evaluates [rules in Rego](../tests/bench/nodeport.rego) that
compare labels and take the first policy that speaks of every source; they know no addresses, no other
selectors, no tiers, no failsafe ports, and give no packet that proves the answer.

| what | value | unit | ratio | to |
|---|---:|---|---:|---|
"""


@click.command()
@click.option("--size", "texts", multiple=True, default=("S", "M", "L"), show_default=True)
@click.option(
    "--write", "page", type=click.Path(path_type=Path), help="Write a page of the figures."
)
@click.option("--doors/--no-doors", default=True, show_default=True, help="Measure over HTTPS too.")
def main(texts: tuple[str, ...], *, page: Path | None, doors: bool) -> None:
    """Measure clusters of the sizes S, M, L or nodes/policies/pods/Services."""
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
        yield from reading(size)
    yield from beside()
    yield from scaling(NAMED["S"])
    for bigger in sizes[1:]:
        yield from reviewing(sizes[0], bigger)
    if doors:
        for size in (sizes[0], sizes[-1]):
            # The door reads manifests, which a cluster does not keep of its pods.
            yield from throughput(Size(size.nodes, size.policies, 0, size.services))


def _row(figure: Figure) -> str:
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    return f"| {figure.name} | {figure.value:.2f} | {figure.unit} | {ratio} | {figure.ratio_to} |\n"


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


main()
