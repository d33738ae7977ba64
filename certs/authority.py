"""A certificate authority of our own, and the server certificates that it signs.

Everything is EC P-256 with SHA-256. The moment comes in as an argument; the keys are random.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.renewal import Validity
from service.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

AUTHORITY_LIFE = timedelta(days=3650)
SERVER_LIFE = timedelta(days=90)
CLOCK_SKEW = timedelta(minutes=5)
"""How far a client's clock may lag behind ours."""

_HOST_LIMIT = 253
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_DNS_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")


class CertificateError(InputError):
    """A certificate or key that cannot be read, or that does not belong to the other."""

    code = "bad-certificate"
    title = "The certificate cannot be used"


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def key_pem(self) -> bytes:
        """The private key, unencrypted PKCS#8 PEM: whoever stores it guards it by file mode."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def found_authority(now: datetime) -> Identity:
    """A new self-signed authority that may sign servers and nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    name = _name(f"Nodeward authority {serial:x}"[:64])
    builder = _builder(name, key, serial).issuer_name(name)
    builder = (
        builder.not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs=_SIGNS_CERTIFICATES), critical=True)
    )
    return Identity(builder.sign(key, hashes.SHA256()), key)


def issue_server(authority: Identity, hosts: Iterable[str], now: datetime) -> Identity:
    """A server certificate for *hosts* (DNS names and IP addresses), at most as long as its authority.

    Raises: CertificateError for a host that is neither a DNS name nor an address, or for none.
    """
    names = [_general_name(host) for host in sorted(set(hosts))]
    if not names:
        raise CertificateError("a server certificate needs at least one host")
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    builder = _builder(_name("nodeward"), key, x509.random_serial_number())
    builder = (
        builder.issuer_name(issuer.subject)
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(min(now + SERVER_LIFE, issuer.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs=_SIGNS_HANDSHAKES), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(_authority_key_of(issuer), critical=False)
    )
    return Identity(builder.sign(authority.key, hashes.SHA256()), key)


def parse_certificates(pem: bytes, name: str) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file, in its order.

    Raises: CertificateError naming *name*.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise CertificateError(f"{name} holds no PEM certificate") from error


def parse_identity(certificate_pem: bytes, key_pem: bytes, name: str) -> Identity:
    """The first certificate of a PEM file with its private key.

    Raises: CertificateError naming *name* if either cannot be read or they do not belong together.
    """
    certificate = parse_certificates(certificate_pem, name)[0]
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError) as error:
        raise CertificateError(f"the private key of {name} cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"the private key of {name} is no elliptic-curve key")
    if certificate.public_key() != key.public_key():
        raise CertificateError(f"the private key of {name} belongs to another certificate")
    return Identity(certificate, key)


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """The certificate as PEM text."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def validity(certificate: x509.Certificate) -> Validity:
    """When the certificate is valid."""
    return Validity(certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def hosts(certificate: x509.Certificate) -> frozenset[str]:
    """The DNS names and addresses that a server certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    addresses = names.get_values_for_type(x509.IPAddress)
    return frozenset(names.get_values_for_type(x509.DNSName)) | frozenset(map(str, addresses))


def is_signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether *authority* signed *certificate*."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def canonical_host(host: str) -> str:
    """A DNS name in lower case, or an address in canonical form.

    Raises: CertificateError if it is neither.
    """
    return str(_general_name(host).value)


_SIGNS_CERTIFICATES = frozenset({"key_cert_sign", "crl_sign"})
_SIGNS_HANDSHAKES = frozenset({"digital_signature"})
_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _key_usage(*, signs: frozenset[str]) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: use in signs for use in _USES})


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, serial: int
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public)
        .serial_number(serial)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _authority_key_of(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    held = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(held)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        if not _DNS_NAME.fullmatch(host) or len(host) > _HOST_LIMIT:
            raise CertificateError(f"{host!r} is neither a DNS name nor an address") from None
        return x509.DNSName(host.lower())
