"""A certificate authority of our own, so that every simulated name speaks TLS that clients can verify."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class CertFiles:
    """PEM files of one certificate and its key."""

    cert: Path
    key: Path


class Authority:
    """Made once per state directory; issues a certificate a set of names and keeps it."""

    def __init__(self, directory: Path) -> None:
        self._dir = directory / "tls"
        self._dir.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self.ca_file = self._dir / "ca.pem"
        self._key_file = self._dir / "ca.key"
        if not self.ca_file.exists():
            self._create()
        key = serialization.load_pem_private_key(self._key_file.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        self._cert = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
        self.bundle = self._dir / "ca-bundle.pem"
        system = ssl.get_default_verify_paths().cafile
        own = self.ca_file.read_bytes()
        self.bundle.write_bytes(
            (Path(system).read_bytes() if system and Path(system).exists() else b"") + own
        )

    def _create(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "PlanB embedded clouds")])
        now = dt.datetime.now(dt.UTC)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + 365 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(self._key_file, _pem(key), secret=True)
        _write(self.ca_file, certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, *names: str) -> CertFiles:
        """A server certificate for these DNS names or addresses; the same names get the same files."""
        stem = "_".join(names).replace("*", "any")[:120]
        files = CertFiles(self._dir / f"{stem}.pem", self._dir / f"{stem}.key")
        with self._lock:
            if not files.cert.exists():
                self._issue(files, names)
        return files

    def _issue(self, files: CertFiles, names: tuple[str, ...]) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        common = x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([common]))
            .issuer_name(self._cert.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + 364 * _DAY)
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        _write(files.key, _pem(key), secret=True)
        _write(files.cert, certificate.public_bytes(serialization.Encoding.PEM))

    def server_context(self, *names: str) -> ssl.SSLContext:
        """For a listener of ours that speaks as these names."""
        files = self.issue(*names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.cert, files.key)
        return context

    def sni_context(self, default: str, covered: Callable[[str], bool]) -> ssl.SSLContext:
        """For a listener with many names: a certificate of the name asked for where `covered` says that there is one.

        For any other name it is the one for `default`, which the client refuses as it would the cloud's.
        """
        context = self.server_context(default)
        known: dict[str, ssl.SSLContext] = {}

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            if name and covered(name.lower()):
                if name not in known:
                    known[name] = self.server_context(name.lower())
                connection.context = known[name]

        context.sni_callback = choose  # type: ignore[assignment]
        return context


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, *, secret: bool = False) -> None:
    scratch = path.with_suffix(path.suffix + ".new")
    scratch.write_bytes(content)
    scratch.chmod(0o640 if secret else 0o644)
    scratch.rename(path)
