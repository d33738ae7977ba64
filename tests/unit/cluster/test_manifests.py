"""Files, folders, lists and standard input to a snapshot."""

from __future__ import annotations

import io
import json

import pytest

from service.cluster.manifests import load_paths, load_text
from service.errors import SourceLocation
from service.model.kinds.k8s_service import Service
from service.model.kinds.tier import Tier

TIER = "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: %s}\nspec: {order: 1}\n"


def tiers(loaded):
    return sorted(ref.name for ref in loaded.snapshot.all(Tier))


def test_a_folder_is_read_through_and_through(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.yml").write_text(TIER % "b")
    (tmp_path / "sub" / "a.yaml").write_text(TIER % "a")
    (tmp_path / "sub" / "c.json").write_text(
        json.dumps(
            {
                "apiVersion": "projectcalico.org/v3",
                "kind": "Tier",
                "metadata": {"name": "c"},
                "spec": {},
            }
        )
    )
    (tmp_path / "readme.md").write_text("no manifest")
    loaded = load_paths([str(tmp_path)])
    assert (["a", "b", "c"], 3, 3, ()) == (
        tiers(loaded),
        loaded.files,
        loaded.documents,
        loaded.errors,
    )


def test_the_files_of_a_folder_are_applied_in_the_order_of_their_names(tmp_path):
    for name, order in (("2.yaml", 2), ("1.yaml", 1)):
        (tmp_path / name).write_text((TIER % "a").replace("order: 1", f"order: {order}"))
    assert 2 == load_paths([str(tmp_path)]).snapshot.get(Tier, "a").order


def test_a_file_is_read_whatever_it_is_called(tmp_path):
    (tmp_path / "manifest.txt").write_text(TIER % "a")
    assert ["a"] == tiers(load_paths([str(tmp_path / "manifest.txt")]))


def test_a_dash_is_standard_input():
    loaded = load_paths(["-"], stdin=io.BytesIO((TIER % "a").encode()))
    assert ["a"] == tiers(loaded)
    [tier] = loaded.snapshot.all(Tier).values()
    assert SourceLocation("<stdin>", 1, 1) == tier.meta.location


def test_what_is_not_there_is_an_error_and_the_rest_is_read(tmp_path):
    (tmp_path / "a.yaml").write_text(TIER % "a")
    missing = str(tmp_path / "missing.yaml")
    loaded = load_paths([missing, str(tmp_path / "a.yaml")])
    assert ["a"] == tiers(loaded)
    assert [f"{missing}: cannot be read: No such file or directory"] == list(
        map(str, loaded.errors)
    )


def test_an_empty_folder_is_an_error(tmp_path):
    [error] = load_paths([str(tmp_path)]).errors
    assert "no .yaml, .yml or .json file" in str(error)


def test_every_error_is_kept_and_every_good_document_read(tmp_path):
    (tmp_path / "1.yaml").write_bytes(b"a: \xff")
    (tmp_path / "2.yaml").write_text(f"a: [\n---\n{TIER % 'a'}---\nkind: x\n---\n- 1\n---\ntext\n")
    loaded = load_paths([str(tmp_path)])
    assert (["a"], 5) == (tiers(loaded), len(loaded.errors))
    assert all(error.location.line for error in loaded.errors)


@pytest.mark.parametrize("kind", ["List", "TierList"])
def test_the_items_of_a_list_are_objects_with_their_places(kind):
    item = "- apiVersion: projectcalico.org/v3\n  kind: Tier\n  metadata:\n    name: %s\n  spec:\n    ordr: 1\n"
    text = f"apiVersion: v1\nkind: {kind}\nitems:\n{item % 'a'}{item % 'b'}"
    loaded = load_text(text, "f")
    assert (["a", "b"], 2) == (tiers(loaded), loaded.documents)
    places = [p.location for one in loaded.snapshot.problems() for p in one.problems]
    assert [
        SourceLocation("f", 9, 5, "/items/0/spec/ordr"),
        SourceLocation("f", 15, 5, "/items/1/spec/ordr"),
    ] == places


def test_the_items_of_a_typed_list_need_not_say_what_they_are():
    body = {
        "apiVersion": "v1",
        "kind": "ServiceList",
        "items": [{"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}}],
    }
    assert 1 == len(load_text(json.dumps(body), "f").snapshot.all(Service))


def test_an_item_that_is_no_object_is_a_located_error():
    text = "apiVersion: v1\nkind: List\nitems:\n- 5\n"
    [error] = load_text(text, "f").errors
    assert SourceLocation("f", 4, 3, "/items/0") == error.location


def test_kinds_that_are_not_read_are_counted():
    text = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\n---\n" * 3
    loaded = load_text(text, "f")
    assert ({"networking.k8s.io/v1 Ingress": 3}, ()) == (dict(loaded.skipped), loaded.errors)


def test_a_request_body_may_be_bytes():
    assert ["a"] == tiers(load_text((TIER % "a").encode(), "request body"))


@pytest.mark.parametrize("text", ["", "# nothing here\n", "---\n"])
def test_a_stream_without_objects_is_no_error(text):
    loaded = load_text(text, "f")
    assert (0, 1, ()) == (loaded.documents, loaded.files, loaded.errors)
