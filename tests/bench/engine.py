"""Decoding, audit and single reviews, without any door."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.admission.decide import decide
from service.admission.review import read_review
from service.admission.terms import Terms
from service.checks.settings import CheckSettings
from service.cluster.collector import no_search
from service.errors import SourceLocation
from service.model.decode import decode_object
from service.model.snapshot import Snapshot
from service.policy.world import World
from tests.bench.cluster import Size, objects
from tests.bench.measure import Figure, compared, medians
from tests.bench.reviews import bodies

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTINGS = CheckSettings()
_TERMS = Terms(_SETTINGS)
_RUNS = 15
_FEW, _MANY = 100, 10_000


def loaded(size: Size) -> World:
    """The world of a cluster, nothing computed yet."""
    where = SourceLocation("bench.json")
    with no_search():
        return World(Snapshot.of(decode_object(one, where) for one in objects(size)))


def reading(size: Size) -> Iterator[Figure]:
    """Parsing, decoding and auditing one cluster, in a process that does nothing else."""
    command = [sys.executable, "-m", "tests.bench.reading", str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for line in process.stdout or ():
            yield Figure(**json.loads(line))
    if process.returncode:
        raise RuntimeError(f"reading {size} failed")


@dataclass(frozen=True, slots=True)
class _Review:
    """One review in one world."""

    world: World
    body: bytes

    def __call__(self) -> object:
        return decide(self.world, read_review(self.body), _TERMS, now_s=0)


def scaling(base: Size) -> Iterator[Figure]:
    """Each review at few policies and at many, everything else being equal."""
    few, many = (loaded(base.with_policies(policies)) for policies in (_FEW, _MANY))
    for name, body in bodies().items():
        works = {"few": _Review(few, body), "many": _Review(many, body)}
        for work in works.values():
            work()  # the first review of a world pays for what all later ones share
        found = medians(works, _RUNS)
        small = Figure(f"{name}, {_FEW} policies", found["few"] * 1000, "ms")
        yield small
        yield compared(f"{name}, {_MANY:,} policies", found["many"] * 1000, "ms", to=small)


def reviewing(small: Size, big: Size) -> Iterator[Figure]:
    """Each review in a small cluster and in a big one."""
    few, many = loaded(small), loaded(big)
    for name, body in bodies().items():
        works = {"few": _Review(few, body), "many": _Review(many, body)}
        for work in works.values():
            work()
        found = medians(works, _RUNS)
        base = Figure(f"{name}, {small}", found["few"] * 1000, "ms")
        yield base
        yield compared(f"{name}, {big}", found["many"] * 1000, "ms", to=base)
