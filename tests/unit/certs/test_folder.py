import base64
import stat
from datetime import UTC, datetime, timedelta

import pytest

from certs import authority, folder
from certs.authority import CertificateError
from certs.folder import Folder, Replacement
from certs.renewal import Action

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOSTS = ("localhost",)


@pytest.fixture
def certificates(tmp_path) -> Folder:
    made = Folder(tmp_path / "state" / "certs")
    folder.issue(made, HOSTS, NOW)
    return made


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def content(certificates: Folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in certificates.path.iterdir()}


def shown(certificates: Folder):
    pem = certificates.server_certificate.read_bytes()
    return authority.parse_certificates(pem, "tls.crt")[0]


def test_a_first_issue_makes_both_pairs_and_nothing_else(certificates):
    assert set(content(certificates)) == {"ca.crt", "ca.key", "tls.crt", "tls.key"}


def test_keys_are_for_their_owner_alone(certificates):
    modes = [
        mode(certificates.path),
        mode(certificates.authority_key),
        mode(certificates.server_key),
    ]
    assert modes == [0o700, 0o600, 0o600]


def test_issuing_again_changes_nothing(certificates):
    before = content(certificates)
    action = folder.issue(certificates, HOSTS, NOW)
    assert (action, content(certificates)) == (Action.KEEP, before)


def test_a_renewal_keeps_the_authority_and_the_hosts(certificates):
    trusted = certificates.authority_certificate.read_bytes()
    folder.issue(certificates, ["webhook.example"], NOW + timedelta(days=61))
    assert certificates.authority_certificate.read_bytes() == trusted
    assert authority.hosts(shown(certificates)) == {"localhost", "webhook.example"}


def test_a_server_key_that_does_not_fit_is_mended(certificates):
    certificates.server_key.write_bytes(certificates.authority_key.read_bytes())
    assert folder.issue(certificates, HOSTS, NOW) is Action.ISSUE_SERVER
    assert folder.issue(certificates, HOSTS, NOW) is Action.KEEP


def test_an_authority_that_is_due_is_not_replaced_unasked(certificates):
    before = content(certificates)
    with pytest.raises(CertificateError, match="--new-authority"):
        folder.issue(certificates, HOSTS, NOW + timedelta(days=3000))
    assert content(certificates) == before


def test_a_replaced_authority_stays_trusted_until_it_ends(certificates):
    old = authority.parse_certificates(certificates.authority_certificate.read_bytes(), "old")[0]
    late = NOW + timedelta(days=3000)
    folder.issue(certificates, HOSTS, late, replacement=Replacement.ALLOWED)
    bundle = authority.parse_certificates(certificates.authority_certificate.read_bytes(), "new")
    assert bundle[1:] == (old,)
    assert authority.is_signed_by(shown(certificates), bundle[0])


def test_an_authority_that_has_ended_leaves_the_bundle(certificates):
    late = NOW + timedelta(days=4000)
    folder.issue(certificates, HOSTS, late, replacement=Replacement.ALLOWED)
    bundle = authority.parse_certificates(certificates.authority_certificate.read_bytes(), "new")
    assert len(bundle) == 1


@pytest.mark.parametrize("name", ["ca.crt", "ca.key"])
@pytest.mark.parametrize("damage", [b"rubbish", None])
def test_a_damaged_authority_is_left_alone(certificates, name, damage):
    certificates.server_certificate.unlink()  # so that the authority is needed
    path = certificates.path / name
    path.unlink() if damage is None else path.write_bytes(damage)
    before = content(certificates)
    with pytest.raises(CertificateError, match=rf"ca\.{name[3:]}|private key of"):
        folder.issue(certificates, HOSTS, NOW)
    assert content(certificates) == before


def test_the_ca_bundle_is_the_authoritys_pem_in_base64(certificates):
    pem = base64.b64decode(certificates.ca_bundle())
    assert pem == certificates.authority_certificate.read_bytes()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CertificateError, match="cannot be used"):
        folder.issue(Folder(tmp_path / "file" / "certs"), HOSTS, NOW)
