"""The run itself, as a loop of pytest's over the tests that it has collected once."""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import coverage

from tests.mutants.operators import Site, sites
from tests.mutants.swap import NoFunctionError, swap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pytest

KILLED, SURVIVED, UNTESTED, LATE = "killed", "survived", "untested", "late"
"""What becomes of a mutant; a late one kept its tests from ending, which is noticed, too."""
_CPU_LIMIT_S, _LIMIT_S = 40, 200
"""Of processor time, which a busy machine does not shorten; and of time, for what waits for ever."""
_BUDGET_S = 15
"""Seconds of tests, as they took without a mutant, that one mutant is worth."""
_START_S = 0.02
"""What any test costs besides, so that the quickest are not first for being quick alone."""


@dataclass(slots=True)
class Floor:
    """A floor, its mutants, and what became of each."""

    name: str
    seed: int
    count: int
    found: dict[Site, str] = field(default_factory=dict)

    def chosen(self) -> list[Site]:
        """So many of its possible mutants, drawn by the seed."""
        paths = sorted(Path("service", self.name).rglob("*.py"))
        whole = [site for path in paths for site in sites(path)]
        drawn = random.Random(self.seed).sample(whole, min(self.count, len(whole)))
        return sorted(drawn)


class Mutants:
    """The plugin: a first round that learns which test runs which line, then the mutants."""

    def __init__(self, floors: Sequence[Floor], processes: int, tried: Callable[[], None]) -> None:
        """Nothing has run; *tried* is called after each floor."""
        self._floors, self._processes, self._tried = floors, processes, tried
        self._tests: dict[tuple[str, int], list[str]] = {}
        self._took_s: dict[str, float] = {}
        self._nearness: dict[tuple[str, str], float] = defaultdict(float)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of pytest's own loop."""
        started = time.monotonic()
        self._learn(session)
        sys.stderr.write(
            f"{len(session.items)} tests measured in {time.monotonic() - started:.0f} s\n"
        )
        for floor in self._floors:
            self._try(session, floor)
            self._tried()
            killed = sum(one in {KILLED, LATE} for one in floor.found.values())
            sys.stderr.write(
                f"{floor.name}: {killed} of {len(floor.found)}, {time.monotonic() - started:.0f} s\n"
            )
        return True

    def _learn(self, session: pytest.Session) -> None:
        with tempfile.TemporaryDirectory() as folder:
            data, times = Path(folder, "coverage"), Path(folder, "times")
            _forked(lambda: self._measured(session, data, times))
            for line in times.read_text(encoding="utf-8").splitlines():
                took_s, _, test = line.partition(" ")
                self._took_s[test] = float(took_s)
            found = coverage.CoverageData(str(data))
            found.read()
            for name in found.measured_files():
                path = str(Path(name).relative_to(Path.cwd()))
                for line_number, tests in found.contexts_by_lineno(name).items():
                    own = [test for test in tests if test in self._took_s]
                    self._tests[path, line_number] = own
                    for test in own:
                        self._nearness[path, test] += 1 / len(own)

    def _measured(self, session: pytest.Session, data: Path, times: Path) -> int:
        cov = coverage.Coverage(data_file=str(data), source=["service"], config_file=False)
        lines = []
        for item in session.items:
            # Anew for each: a test that exhausts the stack ends the tracing of all that follow.
            cov.start()
            cov.switch_context(item.nodeid)
            began = time.monotonic()
            if _failed(session, [item]):
                sys.stderr.write(f"{item.nodeid} fails without any mutant, and is left out\n")
            else:
                lines.append(f"{time.monotonic() - began:.4f} {item.nodeid}")
            cov.stop()
        cov.save()
        times.write_text("\n".join(lines), encoding="utf-8")
        return 0

    def _try(self, session: pytest.Session, floor: Floor) -> None:
        items = {item.nodeid: item for item in session.items}
        running: dict[int, tuple[Site, float]] = {}
        pending = floor.chosen()
        while pending or running:
            while pending and len(running) < self._processes:
                site = pending.pop(0)
                tests = self._nearest(site)
                if not tests:
                    floor.found[site] = UNTESTED
                    continue
                child = _start(
                    lambda s=site, t=tests: _noticed(session, s, [items[one] for one in t])
                )
                running[child] = site, time.monotonic() + _LIMIT_S
            self._reap(floor, running)

    def _reap(self, floor: Floor, running: dict[int, tuple[Site, float]]) -> None:
        for child, (site, until) in list(running.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                outcome = _outcome(status)
            elif time.monotonic() > until:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                outcome = LATE
            else:
                continue
            del running[child]
            floor.found[site] = outcome
        time.sleep(0.01)

    def _nearest(self, site: Site) -> list[str]:
        """The tests that run the line, as many as fit in the budget: those first that, for the time that
        they take, run most lines of the module that few others run.
        """
        path = str(site.path)
        ordered = sorted(
            set(self._tests.get((path, site.line), [])),
            key=lambda one: (self._took_s[one] + _START_S) / self._nearness[path, one],
        )
        chosen, budget = [], float(_BUDGET_S)
        for one in ordered:
            budget -= self._took_s[one]
            if budget < 0 and chosen:
                break
            chosen.append(one)
        return chosen


def _outcome(status: int) -> str:
    """What the status of an ended process says; a crash is noticed as well as a failure is."""
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGXCPU, signal.SIGKILL}:
        return LATE
    return SURVIVED if status == 0 else KILLED


def _noticed(session: pytest.Session, site: Site, items: Sequence[pytest.Item]) -> int:
    """1 if a test notices the mutant."""
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_LIMIT_S, _CPU_LIMIT_S))
    try:
        swap(site)
    except NoFunctionError as error:
        sys.stderr.write(f"not to be swapped: {error}\n")
        return 0
    return int(_failed(session, items))


def _failed(session: pytest.Session, items: Iterable[pytest.Item]) -> bool:
    """Whether one of *items* fails; the first that does is the last that runs."""
    before = session.testsfailed
    for item in items:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        if session.testsfailed > before:
            return True
    return False


def _start(work: object) -> int:
    """The process number of a copy of this process that does *work*, and ends with what it returns."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        code = work()  # type: ignore[operator]
    finally:
        sys.stderr.flush()
        os._exit(code)


def _forked(work: object) -> int:
    _, status = os.waitpid(_start(work), 0)
    return os.waitstatus_to_exitcode(status)
