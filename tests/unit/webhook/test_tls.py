import ssl
from datetime import UTC, datetime

import pytest

from certs import folder
from certs.folder import Folder
from webhook.tls import Contexts


def make_pair(path) -> Folder:
    made = Folder(path)
    folder.issue(made, ["localhost"], datetime.now(UTC))
    return made


@pytest.fixture
def pair(tmp_path) -> Folder:
    return make_pair(tmp_path / "one")


@pytest.fixture
def contexts(pair) -> Contexts:
    return Contexts(pair.server_certificate, pair.server_key)


def replace(pair: Folder, other: Folder, *names: str) -> None:
    for name in names:
        (other.path / name).replace(pair.path / name)


def test_files_that_stay_the_same_give_the_same_context(contexts):
    assert contexts.current() is contexts.current()


def test_a_renewed_pair_gives_a_new_context(contexts, pair, tmp_path):
    before = contexts.current()
    replace(pair, make_pair(tmp_path / "two"), "tls.crt", "tls.key")
    assert contexts.current() is not before


def test_a_key_of_another_certificate_keeps_the_old_context(contexts, pair, tmp_path):
    before = contexts.current()
    replace(pair, make_pair(tmp_path / "two"), "tls.key")
    assert contexts.current() is before


def test_the_second_half_of_a_renewal_ends_the_old_context(contexts, pair, tmp_path):
    before = contexts.current()
    other = make_pair(tmp_path / "two")
    replace(pair, other, "tls.key")
    contexts.current()
    replace(pair, other, "tls.crt")
    assert contexts.current() is not before


@pytest.mark.parametrize("name", ["tls.crt", "tls.key"])
def test_a_missing_file_keeps_the_old_context(contexts, pair, name):
    before = contexts.current()
    (pair.path / name).unlink()
    assert contexts.current() is before


def test_a_pair_that_was_never_usable_is_an_error(contexts, pair):
    pair.server_key.write_text("rubbish")
    with pytest.raises(ssl.SSLError):
        contexts.current()


def test_nothing_older_than_tls_1_2_is_spoken(contexts):
    assert contexts.current().minimum_version is ssl.TLSVersion.TLSv1_2
