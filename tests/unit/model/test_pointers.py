"""JSON pointers and the keys in them."""

from __future__ import annotations

import pytest

from service.model.pointers import escaped, field_path, unescaped


@pytest.mark.parametrize("key", ["a", "a/b", "a~b", "~1", "/~"])
def test_a_key_survives_its_pointer(key):
    assert key == unescaped(escaped(key))


@pytest.mark.parametrize(
    ("pointer", "path"),
    [("", ""), ("/spec/ingress/0/protocol", "spec.ingress[0].protocol"), ("/a/b~1c", "a.b/c")],
)
def test_a_pointer_reads_as_a_field_path(pointer, path):
    assert path == field_path(pointer)
