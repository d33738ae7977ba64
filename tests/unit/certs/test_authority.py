from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs import authority
from certs.authority import CertificateError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def signer():
    return authority.found_authority(NOW)


@pytest.fixture(scope="module")
def server(signer):
    return authority.issue_server(signer, ["localhost", "::1", "10.0.0.1"], NOW)


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind)


def test_an_authority_may_sign_servers_and_no_further_authority(signer):
    constraints = extension(signer.certificate, x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (
        True,
        True,
        0,
    )


def test_a_server_certificate_is_signed_by_its_authority(signer, server):
    assert authority.is_signed_by(server.certificate, signer.certificate)


def test_a_server_certificate_is_not_signed_by_another_authority(server):
    stranger = authority.found_authority(NOW)
    assert not authority.is_signed_by(server.certificate, stranger.certificate)


def test_a_server_certificate_names_its_hosts(server):
    assert authority.hosts(server.certificate) == {"localhost", "::1", "10.0.0.1"}


def test_a_server_certificate_is_for_servers_only(server):
    uses = extension(server.certificate, x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_a_server_certificate_points_at_its_authoritys_key(signer, server):
    pointed = extension(server.certificate, x509.AuthorityKeyIdentifier).value.key_identifier
    assert pointed == extension(signer.certificate, x509.SubjectKeyIdentifier).value.digest


def test_a_server_certificate_is_valid_for_clients_whose_clock_lags(server):
    span = authority.validity(server.certificate)
    assert (span.not_before, span.not_after) == (
        NOW - timedelta(minutes=5),
        NOW + timedelta(days=90),
    )


def test_a_server_certificate_never_outlives_its_authority(signer):
    late = NOW + authority.AUTHORITY_LIFE - timedelta(days=1)
    certificate = authority.issue_server(signer, ["localhost"], late).certificate
    assert certificate.not_valid_after_utc == signer.certificate.not_valid_after_utc


@pytest.mark.parametrize("host", ["", "a b", "-a", "a..b", "http://x", "a" * 64, "1.2.3.4/8"])
def test_what_is_neither_a_name_nor_an_address_is_no_host(host):
    with pytest.raises(CertificateError, match="neither a DNS name nor an address"):
        authority.canonical_host(host)


@pytest.mark.parametrize(
    ("host", "canonical"), [("Web.Example", "web.example"), ("::0:1", "::1"), ("*.a.b", "*.a.b")]
)
def test_hosts_are_compared_in_canonical_form(host, canonical):
    assert authority.canonical_host(host) == canonical


def test_a_server_certificate_needs_a_host(signer):
    with pytest.raises(CertificateError, match="at least one host"):
        authority.issue_server(signer, [], NOW)


def test_a_pair_is_read_back(server):
    pem = authority.certificate_pem(server.certificate)
    read = authority.parse_identity(pem, server.key_pem(), "tls.crt")
    assert read.certificate == server.certificate


def test_a_key_of_another_certificate_is_refused(signer, server):
    pem = authority.certificate_pem(server.certificate)
    with pytest.raises(CertificateError, match="belongs to another certificate"):
        authority.parse_identity(pem, signer.key_pem(), "tls.crt")


def test_an_unreadable_key_is_refused(server):
    pem = authority.certificate_pem(server.certificate)
    with pytest.raises(CertificateError, match=r"key of tls\.crt cannot be read"):
        authority.parse_identity(pem, b"rubbish", "tls.crt")


def test_an_unreadable_certificate_is_refused():
    with pytest.raises(CertificateError, match=r"ca\.crt holds no PEM certificate"):
        authority.parse_certificates(b"rubbish", "ca.crt")
