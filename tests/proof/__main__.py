"""``make proof``: writes docs/proof.md from the numbers in build/proof, which each run has left there.

python -m tests.proof FOLDER PAGE
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.agreement.tally import IMPOSSIBLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Found = dict[str, Any]
_LISTED = 60
"""Holes and survivors told one by one; the runs print all."""
HEAD = """\
# Proof

Written by `make proof` from what each run has left in `build/proof`; nobody edits it. Each part says by which
command its numbers come anew. What a verdict is held against: packets through Calico's real dataplane, packets
through a real kernel, a naive model that shares no code with the engine, and the engine's own answers to the
same question by other ways. How it all works is told in [CONTRIBUTING](../CONTRIBUTING.md#tests).
"""


def page(folder: Path) -> str:
    """The page of the numbers in *folder*; a run that has left none is named as missing."""
    parts = [HEAD]
    for name, title, command, write in PARTS:
        path = folder / f"{name}.json"
        parts.append(f"## {title}\n\n`{command}`\n")
        if path.exists():
            parts.append("\n".join(write(json.loads(path.read_text(encoding="utf-8")))) + "\n")
        else:
            parts.append("This run has left no numbers.\n")
    return "\n".join(parts)


def _conformance(found: Found) -> Iterator[str]:
    yield "Verdicts measured on Felix and kube-proxy, against the trace of the same packet.\n"
    yield from _table(("worlds", "right", "wrong", "unknown"), found["folders"])
    if found["unknown"]:
        yield "\nUnknown, and why:\n"
        yield from (f"- {one}" for one in found["unknown"])


def _reach(found: Found) -> Iterator[str]:
    yield (
        "The same verdicts, each looked for in the exact sets that answer a question with protocol, ports and ICMP "
        "left open.\n"
    )
    yield from _table(tuple(found), [tuple(found.values())])


def _kernel(found: Found) -> Iterator[str]:
    yield (
        f"{_n(found['packets'])} packets in {_n(found['worlds'])} drawn worlds: {_n(found['allowed'])} allowed, "
        f"{_n(found['denied'])} denied, {_n(found['unknown'])} unknown to the trace; "
        f"**{_n(found['disagreements'])} disagreements**. By protocol: {_counts(found['by_protocol'])}; "
        f"by family: {_counts(found['by_family'])}."
    )


def _agreement(found: Found) -> Iterator[str]:
    yield (
        f"{_n(found['worlds'])} worlds from number {found['first']} on, {_n(found['flows'])} flows: "
        f"{_counts(found['dispositions'])}; {_counts(found['families'])}. "
        f"**{_n(found['disagreements'])} disagreements** in disposition or deciding rule. Where the model knows, "
        f"the trace does not {sum(found['withheld'].values())} times.\n"
    )
    if found.get("mended"):
        numbers = ", ".join(map(str, found["mended"]))
        yield f"Worlds that differed when the run came to them, and agree since what they showed was mended: {numbers}.\n"
    yield "What is unknown to the trace, mostly what chance decides:\n"
    yield from _table(("why", "flows"), _most(found["unknown"]))
    yield "\nHow often each hook was met, and what it said:\n"
    yield from _table(("hook", "flows"), sorted(found["hooks"].items()))
    cells = found["cells"]
    yield (
        f"\nOf {_n(cells['possible'])} cells of hook, action and criterion of a rule, {_n(cells['met'])} had a rule "
        "that matched."
    )
    yield from _some("Not met", found["holes"])
    yield "\nNo cells, since no rule can match there, are these hooks and criteria:\n"
    by_reason: dict[str, list[str]] = {}
    for (hook, criterion), why in IMPOSSIBLE.items():
        by_reason.setdefault(why, []).append(f"{hook} {criterion}")
    yield from (f"- {why}: {', '.join(named)}" for why, named in by_reason.items())


def _fuzz(found: Found) -> Iterator[str]:
    yield (
        f"{_n(found['reviews'])} mutated reviews (seed {found['seed']}): {_counts(found['answers'])}. No crash, no "
        f"stack trace; the slowest answer took {found['slowest_ms']} ms."
    )


def _mutants(found: Found) -> Iterator[str]:
    yield (
        f"Mutants drawn with seed {found['seed']}. A late one kept its tests from ending, which is noticed, too; of an "
        "untested one no test runs the line. A line's tests beyond 15 seconds are not run, so the score is a lower "
        "bound.\n"
    )
    rows = []
    for name, one in found["floors"].items():
        noticed = one.get("killed", 0) + one.get("late", 0)
        score = f"{100 * noticed / max(1, one['mutants']):.1f} %"
        rows.append(
            (name, one["mutants"], noticed, one.get("survived", 0), one.get("untested", 0), score)
        )
    yield from _table(("floor", "mutants", "noticed", "survived", "untested", "score"), rows)
    for name, one in found["floors"].items():
        yield from _some(f"Not noticed in {name}", one["missed"])


def _soak(found: Found) -> Iterator[str]:
    yield from _table(("what", "value"), [(key, json.dumps(value)) for key, value in found.items()])


PARTS: tuple[tuple[str, str, str, Callable[[Found], Iterator[str]]], ...] = (
    ("conformance", "Calico's real dataplane", "make conformance", _conformance),
    (
        "reach",
        "Calico's real dataplane, against sets",
        "make reach-conformance",
        _reach,
    ),
    ("kernel", "A real kernel", "make kernel", _kernel),
    ("agreement", "Sets, traces and the reference model", "make nightly", _agreement),
    ("mutants", "Mutation testing of the pure floors", "make mutants", _mutants),
    ("fuzz", "Mutated reviews", "make fuzz", _fuzz),
    ("soak", "A long run", "make soak", _soak),
)


def _table(head: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'---:|' * (len(head) - 1)}"
    for row in rows:
        yield "| " + " | ".join(_cell(one) for one in row) + " |"


def _cell(value: object) -> str:
    return _n(value) if isinstance(value, int) else str(value).replace("|", "\\|")


def _some(title: str, listed: list[str]) -> Iterator[str]:
    if not listed:
        return
    more = f"; {len(listed) - _LISTED} more in the run's output" if len(listed) > _LISTED else ""
    yield f"\n<details><summary>{title}: {len(listed)}{more}</summary>\n"
    yield from (f"- `{one}`" for one in listed[:_LISTED])
    yield "\n</details>"


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: -one[1])[:10]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {_n(number)}" for name, number in sorted(counts.items()))


def _n(number: object) -> str:
    return f"{number:,}" if isinstance(number, int) else str(number)


def main() -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof")
    parser.add_argument("folder", type=Path)
    parser.add_argument("page", type=Path)
    given = parser.parse_args()
    given.page.write_text(page(given.folder), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
