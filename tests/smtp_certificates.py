"""Certificates for test servers: one authority and four kinds of leaf, made once per process."""

import datetime as dt
import functools
import ipaddress
import ssl
import tempfile
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Certificate = Literal["good", "wrong name", "expired", "untrusted"]

_PEM = serialization.Encoding.PEM


def client_context() -> ssl.SSLContext:
    """Return a verifying client context that trusts the test authority, and nobody else."""
    return ssl.create_default_context(cadata=_authority()[1].public_bytes(_PEM).decode())


@functools.cache
def certificate_file(kind: Certificate) -> Path:
    """Return a file with a server's certificate and key, for localhost and the loopbacks."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority_key, authority = _authority()
    name = "mail.example.net" if kind == "wrong name" else "localhost"
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name == "localhost":
        names += [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
    signed_by = key if kind == "untrusted" else authority_key
    issuer = _name("nobody") if kind == "untrusted" else authority.subject
    days = -1 if kind == "expired" else 1
    certificate = (
        _builder(name, issuer, key.public_key(), days)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(signed_by, hashes.SHA256())
    )
    file = _folder() / f"{kind.replace(' ', '_')}.pem"
    file.write_bytes(
        key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(_PEM)
    )
    return file


@functools.cache
def _authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder("Test authority", _name("Test authority"), key.public_key(), 1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


@functools.cache
def _keeper() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="smtp-certificates-", ignore_cleanup_errors=True)


def _folder() -> Path:
    return Path(_keeper().name)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: str, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    begins, ends = sorted((now - dt.timedelta(days=2), now + dt.timedelta(days=days)))
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
