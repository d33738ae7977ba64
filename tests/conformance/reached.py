"""Compare reach with measured worlds: python -m tests.conformance.reached ARCHIVE_OR_FOLDER [--output FILE].

For each measured flow the question leaves open what the flow tells of ports, protocol and ICMP: the flow
is to be in the part of the answer that was measured.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
import yaml

from service.policy.flow_query import parse_flow
from service.policy.question import parse_question
from service.policy.reach import reach
from service.policy.trace import packets_of, trace
from service.policy.world import World
from tests.factories import decode, make_snapshot
from tests.reference.measured import worlds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.policy.reached import Reach
    from tests.reference.measured import MeasuredWorld
    from tests.reference.policies import Raw

_CLIENT_PORT = 1024
_OPEN = {"from", "to", "via", "established", "family"}
OUTCOMES = ("right", "wrong", "unknown", "unknown to the trace, too")


class Asked(NamedTuple):
    """A measured flow, and the part of an answer that it is in."""

    world: str
    flow: Raw
    measured: str
    found: str
    traced: str
    """By the trace, where ``found`` is unknown."""

    @property
    def outcome(self) -> str:
        """One of OUTCOMES."""
        if self.found == "unknown":
            return OUTCOMES[3] if self.traced == "unknown" else OUTCOMES[2]
        return OUTCOMES[0] if self.found == self.measured else OUTCOMES[1]


class Answers(NamedTuple):
    """The flows of one world or several, and how many questions they took."""

    questions: int
    flows: list[Asked]


def asked(one: MeasuredWorld) -> Answers:
    """Every flow of a world by the answers to open questions."""
    objects = yaml.load_all(one.cluster, Loader=yaml.CSafeLoader)
    world = World.of(make_snapshot(*(decode(raw) for raw in objects if raw)))
    measured = {json.dumps(row["flow"]): row["disposition"] for row in map(json.loads, _lines(one))}
    grouped = _questions(map(json.loads, measured))
    found = []
    for question, flows in grouped.items():
        answer = reach(world, parse_question(json.loads(question)))
        for flow in flows:
            told = _answered(world, answer, flow)
            is_open = told == "unknown"
            traced = trace(world, parse_flow(flow)).disposition.value if is_open else ""
            found.append(Asked(one.name, flow, measured[json.dumps(flow)], told, traced))
    return Answers(len(grouped), found)


def _lines(one: MeasuredWorld) -> list[str]:
    return [line for line in one.flows.splitlines() if line.strip()]


def _questions(flows: Iterable[Raw]) -> dict[str, list[Raw]]:
    """The flows by the question that leaves open what they tell of the header."""
    found = defaultdict(list)
    for flow in flows:
        question = {name: value for name, value in flow.items() if name in _OPEN}
        if "service" in flow["to"] and "port" in flow:
            question |= {"port": flow["port"], "protocol": flow["protocol"]}
        if flow.get("src_port", _CLIENT_PORT) < _CLIENT_PORT:
            question["src_port"] = flow["src_port"]
        found[json.dumps(question, sort_keys=True)].append(flow)
    return found


def _answered(world: World, answer: Reach, flow: Raw) -> str:
    """The disposition of one flow by the parts of *answer* that it is in."""
    query = parse_flow(flow)
    packets = packets_of(world, query)
    if packets is None:
        return "unknown"
    found = {
        part.disposition.value
        for part in answer.parts
        if part.space.family is query.family and part.space & packets
    }
    return found.pop() if len(found) == 1 else "unknown"


def main() -> int:
    """Print the counts, then each flow that is not right; 1 where one is wrong, or known to the trace only."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.reached")
    parser.add_argument("source", type=Path, help="an archive, or a folder of worlds")
    parser.add_argument("--output", type=Path, help="a file for the numbers, rewritten on the way")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    counts, differing = Counter[str](), list[Asked]()
    with ProcessPoolExecutor(given.processes) as pool:
        for found in pool.map(asked, worlds(given.source)):
            counts.update(one.outcome for one in found.flows)
            counts.update(worlds=1, questions=found.questions)
            differing += [one for one in found.flows if one.outcome in OUTCOMES[1:3]]
            numbers = {name: counts[name] for name in ("worlds", "questions", *OUTCOMES)}
            if given.output:
                given.output.parent.mkdir(parents=True, exist_ok=True)
                given.output.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps(numbers))
    for one in differing[:20]:
        click.echo(f"{one.world}: measured {one.measured}, found {one.found}\n{one.flow}")
    return bool(differing)


if __name__ == "__main__":
    raise SystemExit(main())
