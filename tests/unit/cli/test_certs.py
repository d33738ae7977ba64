import base64

import pytest

from service.cli.exit_code import ExitCode
from service.cli.main import run


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "certs"


def issued(folder, *options) -> ExitCode:
    return run(["certs", "issue", "--dir", str(folder), *options])


def test_the_path_of_the_certificate_is_printed(folder, capsys):
    assert issued(folder) is ExitCode.CLEAN
    assert capsys.readouterr().out == f"{folder}/tls.crt\n"


def test_the_ca_bundle_is_all_that_is_printed(folder, capsys):
    assert issued(folder, "--ca-bundle") is ExitCode.CLEAN
    printed = base64.b64decode(capsys.readouterr().out)
    assert printed == (folder / "ca.crt").read_bytes()


def test_what_is_good_is_kept(folder, capsys):
    issued(folder)
    before = (folder / "tls.crt").read_bytes()
    issued(folder, "--new-authority")
    assert (folder / "tls.crt").read_bytes() == before
    assert "nothing changed" in capsys.readouterr().err


def test_a_name_that_is_no_host_is_told(folder, capsys):
    assert issued(folder, "--host", "a b") is ExitCode.UNREADABLE
    assert "neither a DNS name nor an address" in capsys.readouterr().err


def test_a_damaged_authority_is_told(folder, capsys):
    issued(folder)
    (folder / "ca.crt").write_text("rubbish")
    assert issued(folder) is ExitCode.UNREADABLE
    assert "ca.crt holds no PEM certificate" in capsys.readouterr().err
