"""Plain scalars mean what they mean to kubectl."""

from __future__ import annotations

import pytest

from service.cluster.scalars import BOOL, FLOAT, INT, plain_tag, scalar_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("yes", True),
        ("On", True),
        ("TRUE", True),
        ("y", "y"),
        ("no", False),
        ("off", False),
        ("N", "N"),
        ("yEs", "yEs"),
        ("0", 0),
        ("80", 80),
        ("-5", -5),
        ("+5", 5),
        ("0777", 0o777),
        ("0o17", 0o17),
        ("0x1F", 31),
        ("-0b101", -5),
        ("1_000", 1000),
        ("0899", 899.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("190:20:30", "190:20:30"),
        ("30000:32767", "30000:32767"),
        ("2001-01-01", "2001-01-01"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("1.2.3", "1.2.3"),
        (".", "."),
        (".inf", ".inf"),
        ("1" * 200, "1" * 200),
        ("Ingress", "Ingress"),
        ("<<", "<<"),
    ],
)
def test_a_plain_scalar_is_read_as_kubectl_reads_it(text, value):
    read = scalar_value(plain_tag(text), text)
    assert (value, type(value)) == (read, type(read))


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (BOOL, "maybe"),
        (INT, "1" * 200),
        (INT, "x"),
        (FLOAT, "x"),
        ("tag:yaml.org,2002:timestamp", "2001-01-01"),
        ("tag:yaml.org,2002:python/object:os.system", "x"),
    ],
)
def test_a_text_that_contradicts_its_tag_is_refused(tag, text):
    with pytest.raises(ValueError, match=r".+"):
        scalar_value(tag, text)
