"""Worlds with measured verdicts: reading them, and comparing the model with them.

A world is a folder with cluster.yaml (objects) and flows.jsonl (flow, disposition, kind).
"""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

import yaml

from tests.reference.model import Model
from tests.reference.packet import Verdict
from tests.reference.policies import Raw

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_ROUTES = {"10.96.0.0/16": "w1"}  # a fact of the test bed; no object tells it


@dataclass(frozen=True, slots=True)
class MeasuredWorld:
    """One world as text; `folder` is the part of the data that it belongs to."""

    folder: str
    name: str
    cluster: str
    flows: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One flow: what was measured and what the model says."""

    folder: str
    world: str
    kind: str
    flow: Raw
    measured: str
    verdict: Verdict

    @property
    def outcome(self) -> str:
        """ "right", "wrong" or "unknown"."""
        if self.verdict.disposition == "unknown":
            return "unknown"
        return "right" if self.verdict.disposition == self.measured else "wrong"


def worlds(source: Path) -> Iterator[MeasuredWorld]:
    """The worlds of an archive or a folder, in order of their paths."""
    texts = _filed(source) if source.is_dir() else _archived(source)
    for path in sorted(texts):
        folder = path.parent
        if path.name == "cluster.yaml" and folder / "flows.jsonl" in texts:
            yield MeasuredWorld(
                folder.parent.name, folder.name, texts[path], texts[folder / "flows.jsonl"]
            )


def _archived(source: Path) -> dict[PurePath, str]:
    with tarfile.open(source) as archive:
        return {
            PurePath(member.name): content.read().decode()
            for member in archive
            if PurePath(member.name).name in {"cluster.yaml", "flows.jsonl"}
            and (content := archive.extractfile(member))
        }


def _filed(source: Path) -> dict[PurePath, str]:
    return {
        path: path.read_text("utf-8")
        for name in ("cluster.yaml", "flows.jsonl")
        for path in source.resolve().rglob(name)
    }


def compare(world: MeasuredWorld) -> list[Comparison]:
    """The model's verdict beside each measured one."""
    objects = [one for one in yaml.load_all(world.cluster, Loader=_LOADER) if one]
    model = Model(objects, routes=_ROUTES)
    rows = map(json.loads, filter(str.strip, world.flows.splitlines()))
    return [
        Comparison(
            world.folder,
            world.name,
            row.get("kind", ""),
            row["flow"],
            row["disposition"],
            model.verdict(row["flow"]),
        )
        for row in rows
    ]
