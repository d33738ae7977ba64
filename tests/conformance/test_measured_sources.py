"""Measured worlds are read from an archive, a folder of groups, a group, or a world alone."""

from __future__ import annotations

import tarfile

import pytest

from tests.reference.measured import worlds


@pytest.fixture
def folder(tmp_path):
    for world in ("random/001", "random/002", "pods/7"):
        path = tmp_path / "data" / world
        path.mkdir(parents=True)
        (path / "cluster.yaml").write_text("kind: Node\n")
        (path / "flows.jsonl").write_text("{}\n")
        (path / "world.json").write_bytes(b"\xff")
    unmeasured = tmp_path / "data" / "random" / "003"
    unmeasured.mkdir()
    (unmeasured / "cluster.yaml").write_text("")
    return tmp_path / "data"


def names(source):
    return [f"{one.folder}/{one.name}" for one in worlds(source)]


ALL = ["pods/7", "random/001", "random/002"]


def test_a_folder_of_groups_holds_the_worlds_that_have_flows(folder):
    assert ALL == names(folder)


def test_a_group_and_a_world_alone_are_read_too(folder):
    assert ["random/001", "random/002"] == names(folder / "random")
    assert ["random/001"] == names(folder / "random" / "001")


@pytest.mark.parametrize("prefix", ["", "./", "felix/"])
def test_an_archive_holds_the_same_worlds(folder, prefix, tmp_path):
    archive = tmp_path / "data.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(folder, arcname=prefix or "/")
    assert ALL == names(archive)
