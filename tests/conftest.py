"""What holds for every suite: Hypothesis profiles, and that a skip is never silent.

A suite is a folder of tests/. With ``--no-skips`` (``make test``, CI) one that could not run, in
part or whole, is named in the closing lines and fails the run.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_SLOW_MACHINE = (HealthCheck.too_slow,)

settings.register_profile(
    "dev", max_examples=50, deadline=None, suppress_health_check=_SLOW_MACHINE
)
settings.register_profile("few", parent=settings.get_profile("dev"), max_examples=10)
settings.register_profile("ci", parent=settings.get_profile("dev"), max_examples=300)
settings.register_profile("nightly", parent=settings.get_profile("dev"), max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail if any test was skipped")


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Name each suite that did not run whole, with the reasons that its skips gave."""
    for (suite, reason), count in sorted(_skips(terminalreporter).items()):
        verdict = "FAILED" if config.getoption("no_skips") else "note"
        terminalreporter.write_line(
            f"{verdict}: suite {suite} did not run whole: {count} x {reason}"
        )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if (
        session.config.getoption("no_skips")
        and exitstatus == pytest.ExitCode.OK
        and terminal is not None
        and _skips(terminal)
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _skips(terminal: TerminalReporter) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for report in terminal.stats.get("skipped", []):
        parts = PurePath(report.nodeid.partition("::")[0]).parts
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        found[parts[1] if len(parts) > 2 else parts[0], reason.removeprefix("Skipped: ")] += 1
    return found
