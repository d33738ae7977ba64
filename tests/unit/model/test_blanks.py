"""Misleading blanks are named, and made visible."""

from __future__ import annotations

import pytest

from service.model.blanks import invisible, visible


@pytest.mark.parametrize("text", ["", "source", "a b\tc", "größe", "源"])
def test_letters_and_ordinary_blanks_mislead_nobody(text):
    assert "" == invisible(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("\u00a0 nets", "non-breaking space (U+00A0)"),
        ("a\u200bb", "zero width space (U+200B)"),
        ("\ufeffkind", "zero width no-break space (U+FEFF)"),
        ("\u3000x", "ideographic space (U+3000)"),
        ("x\u0085", "unnamed character (U+0085)"),
    ],
)
def test_a_misleading_blank_is_named_with_its_code(text, name):
    assert name == invisible(text)


def test_a_misleading_blank_is_spelled_out():
    assert "<U+00A0> nets" == visible("\u00a0 nets")


def test_other_text_is_shown_as_it_is():
    assert "größe" == visible("größe")
