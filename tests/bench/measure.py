"""Times as medians of several runs, and the figures that come of them."""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
_FEWEST_RUNS = 3
_LONGEST_S = 10.0
"""After so long no further run is begun, once there are a few."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value, and what it is compared with in the same run."""

    name: str
    value: float
    unit: str
    ratio_to: str = ""
    ratio: float | None = None

    def to_json(self) -> dict[str, object]:
        """The row of build/bench.json."""
        return asdict(self)

    def __str__(self) -> str:
        compared = f"  {self.ratio:.2f} x {self.ratio_to}" if self.ratio is not None else ""
        return f"{self.name:<58} {self.value:>10.3f} {self.unit:<9}{compared}"


def compared(name: str, value: float, unit: str, *, to: Figure) -> Figure:
    """A figure in the same unit as another, as a multiple of that."""
    return Figure(name, value, unit, to.name, value / to.value)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """The seconds that *work* took, and what it gave."""
    gc.collect()
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def medians(works: Mapping[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """The median seconds of each of *works*, which are run in turn: a busy moment hits all alike."""
    samples: dict[str, list[float]] = {name: [] for name in works}
    end = time.perf_counter() + _LONGEST_S
    for run in range(runs):
        if run >= _FEWEST_RUNS and time.perf_counter() > end:
            break
        for name, work in works.items():
            samples[name].append(timed(work)[0])
    return {name: statistics.median(values) for name, values in samples.items()}
