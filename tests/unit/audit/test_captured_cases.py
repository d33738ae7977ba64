"""A capture tells the checks as much as the manifests that it was taken of."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from service.checks.run import audit
from service.checks.settings import check_settings
from service.cluster import capture
from service.cluster.discovery import Discovery
from service.cluster.manifests import load_paths, load_text
from service.policy.world import World
from service.settings import Settings

CASES = sorted(Path("tests/cases").glob("*/cluster.yaml"))
EVERY = 8
SETTINGS = check_settings(Settings())


def told(snapshot):
    """The verdicts, without the lines of files."""
    return [
        (one.fingerprint, one.result, re.sub(r"line \d+", "line", one.message))
        for one in audit(World.of(snapshot), SETTINGS)
    ]


def whole(path):
    """The snapshot of a case that an API server could have; None of one that it would refuse parts of."""
    loaded = load_paths([str(path)])
    kept = [one for one in loaded.snapshot.decoded() if one.api_server_accepts]
    has_more = loaded.errors or loaded.snapshot.replaced or loaded.skipped
    return None if has_more or len(kept) != loaded.documents else loaded.snapshot


SNAPSHOTS = {path.parent.name: found for path in CASES[::EVERY] if (found := whole(path))}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_a_captured_case_has_the_findings_of_the_case(name):
    stream = io.BytesIO()
    capture.write(SNAPSHOTS[name], Discovery(), stream)
    assert told(SNAPSHOTS[name]) == told(load_text(stream.getvalue(), name).snapshot)
