"""``nodeward demo``, as ``make run`` starts it: what it prints works, and nothing outlives it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"^   (\S.*)$", re.MULTILINE)
START_S, STOP_S = 90, 30


def free_port() -> int:
    """A port that no other test takes: the usual ones may be another's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Demo:
    """A running demo in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(ROOT / "deploy" / "demo", folder / "deploy" / "demo")
        self.folder = folder
        self.output = folder / "output"
        with self.output.open("wb") as output, (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "service", "demo"),
                    *("--port", str(free_port()), "--webhook-port", str(free_port())),
                ],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
                stdout=output,
                stderr=log,
            )

    def commands(self) -> list[str]:
        """The three commands, once they are printed."""
        end = time.monotonic() + START_S
        while len(found := COMMAND.findall(self.output.read_text())) < 3:
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.1)
        return found

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def run(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            check=False,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def ports(self) -> list[int]:
        return [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", self.output.read_text())]

    def children(self) -> list[int]:
        pid = self.process.pid
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def end(self, sent: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(sent)
        return self.process.wait(STOP_S)


@pytest.fixture
def demo(tmp_path):
    running = Demo(tmp_path)
    yield running
    running.end(signal.SIGTERM)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_printed_commands_work_and_ctrl_c_stops_all(demo):
    admission, query, report = demo.commands()
    response = json.loads(demo.run(admission))["response"]
    assert (response["allowed"], response["status"]["code"]) == (False, 403)
    assert "TCP 30011" in response["status"]["message"]
    assert json.loads(demo.run(query))["total"] >= 0
    demo.run(report)
    assert "<html" in (demo.folder / "report.html").read_text()
    ports = demo.ports()
    assert demo.end(signal.SIGINT) == 0
    assert not any(map(is_open, ports))


def test_the_token_does_not_stay_on_disk(demo):
    (query,) = (one for one in demo.commands() if "Bearer" in one)
    token = re.search(r"Bearer (\S+)'", query)[1].encode()
    kept = [path for path in (demo.folder / ".nodeward").rglob("*") if path.is_file()]
    assert [path.name for path in kept if token in path.read_bytes()] == []


def test_if_one_door_ends_the_other_is_closed_and_the_command_fails(demo):
    demo.commands()
    ports = demo.ports()
    os.kill(demo.children()[0], signal.SIGKILL)
    assert demo.process.wait(STOP_S) == 3
    assert "ended with code" in demo.log()
    # The killed one leaves a worker, which sees within a second that it has been orphaned.
    end = time.monotonic() + STOP_S
    while any(map(is_open, ports)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(map(is_open, ports))
