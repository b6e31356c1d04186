"""Two real MySQL servers, shaped like managed ones, and a real Azurite; started once, stopped by their pids."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql
import pytest
from azure.storage.blob import BlobServiceClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from restore.blob_retry import Limits
from restore.blobs import Container, open_container
from restore.mysql import Session
from restore.settings import Database
from restore.users import Account, bootstrap

# What RDS's and Azure's administrators have: neither SUPER nor any SYSTEM_*/BINLOG_*/CONNECTION_ADMIN privilege.
ADMIN_GRANTS = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES,"
    " CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW,"
    " CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER"
)
READY_S = 60
QUICK = Limits(deadline_s=4, connect_s=2, read_s=5, first_wait_s=0.05, longest_wait_s=0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Tls:
    """A CA and a server certificate for 127.0.0.1."""

    ca: Path
    certificate: Path
    key: Path


def make_tls(folder: Path, name: str) -> Tls:
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"test CA {name}")])

    def builder(subject: x509.Name, public: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=2))
        )

    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    ca = (
        builder(ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "database")])
    certificate = (
        builder(subject, key.public_key())
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
            critical=False,
        )
        .sign(ca_key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    tls = Tls(folder / f"{name}-ca.pem", folder / f"{name}.pem", folder / f"{name}.key")
    tls.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    tls.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    tls.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return tls


@dataclass
class Server:
    """A running MySQL; `admin` has what a managed service's administrator has."""

    folder: Path
    port: int
    tls: Tls
    options: list[str]
    password: str = field(default_factory=lambda: "Adm1n\"\\'# " + secrets.token_hex(8), repr=False)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        data = self.folder / "data"
        common = ["mysqld", "--no-defaults", f"--datadir={data}", "--secure-file-priv=NULL", *_as_root()]
        fresh = not data.exists()
        if fresh:
            data.mkdir(parents=True)
            lasting = [
                option for option in self.options if "lower-case" in option
            ]  # fixed for good at this moment
            subprocess.run(
                [*common, *lasting, "--initialize-insecure"], check=True, capture_output=True, timeout=120
            )
        self.process = subprocess.Popen(
            [
                *common,
                f"--port={self.port}",
                "--bind-address=127.0.0.1",
                f"--socket={self.socket}",
                f"--pid-file={self.folder}/pid",
                f"--log-error={self.folder}/error.log",
                "--mysqlx=OFF",
                "--performance-schema=OFF",
                "--innodb-buffer-pool-size=128M",
                "--innodb-flush-log-at-trx-commit=2",
                "--sync-binlog=0",
                "--require-secure-transport=ON",
                f"--ssl-ca={self.tls.ca}",
                f"--ssl-cert={self.tls.certificate}",
                f"--ssl-key={self.tls.key}",
                *self.options,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + READY_S
        while True:
            try:
                self.root("SELECT 1")
                break
            except pymysql.MySQLError:
                assert self.process.poll() is None, (self.folder / "error.log").read_text()
                assert time.monotonic() < until, "mysqld does not answer"
                time.sleep(0.1)
        if fresh:
            self._prepare()

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def socket(self) -> str:
        return f"{self.folder}/s.sock"

    def root(self, *statements: str) -> Any:
        """Run statements as the server's owner, which no managed service lets anybody be; the last one's rows."""
        connection = pymysql.connect(unix_socket=self.socket, user="root", autocommit=True, charset="utf8mb4")
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall()
        finally:
            connection.close()

    def admin(self, name: str) -> Database:
        return self.database(name, "admin", self.password)

    def database(self, name: str, user: str, password: str) -> Database:
        return Database(
            host="127.0.0.1",
            port=self.port,
            name=name,
            user=user,
            password=SecretStr(password),
            ca_file=self.tls.ca,
        )

    def _prepare(self) -> None:
        quoted = pymysql.converters.escape_string(self.password)
        self.root(
            f"CREATE USER admin@'%' IDENTIFIED BY '{quoted}'",
            f"GRANT {ADMIN_GRANTS} ON *.* TO admin@'%' WITH GRANT OPTION",
            "GRANT ROLE_ADMIN, SESSION_VARIABLES_ADMIN, REPLICATION_APPLIER ON *.* TO admin@'%'",
            "CREATE PROCEDURE mysql.rds_kill(IN thread BIGINT) SQL SECURITY DEFINER KILL thread",
            "CREATE TABLE mysql.rds_configuration (name VARCHAR(100) PRIMARY KEY, value VARCHAR(100))",
            "CREATE PROCEDURE mysql.rds_set_configuration(IN n VARCHAR(100), IN v VARCHAR(100)) SQL SECURITY DEFINER"
            " REPLACE INTO mysql.rds_configuration VALUES (n, v)",
        )


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls"), "server")


def _server(tls: Tls, name: str, options: list[str]) -> Iterator[Server]:
    # A socket's path may have 107 bytes: pytest's own directories can be longer.
    folder = Path(f"/tmp/planb-test-{uuid.uuid4().hex[:12]}-{name}")
    server = Server(folder, free_port(), tls, options)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def source(tls: Tls) -> Iterator[Server]:
    """Like RDS."""
    yield from _server(tls, "source", ["--log-bin-trust-function-creators=ON", "--server-id=11"])


@pytest.fixture(scope="session")
def target(tls: Tls) -> Iterator[Server]:
    """Like Azure: invisible primary keys on, names in lower case."""
    yield from _server(
        tls,
        "target",
        [
            "--log-bin-trust-function-creators=ON",
            "--sql-generate-invisible-primary-key=ON",
            "--lower-case-table-names=1",
            "--partial-revokes=ON",  # then names in GRANT are no patterns
            "--server-id=12",
        ],
    )


@dataclass
class Azurite:
    """A storage account on loopback."""

    url: str
    key: str = field(repr=False)
    account: str = "planbtest"

    @property
    def service(self) -> BlobServiceClient:
        return BlobServiceClient(
            self.url, credential={"account_name": self.account, "account_key": self.key}, retry_total=0
        )

    @property
    def env(self) -> dict[str, str]:
        return {"AZURE_STORAGE_KEY": self.key}


@contextmanager
def running_azurite(
    folder: Path, account: str, *options: str, scheme: str = "http"
) -> Generator[tuple[str, str]]:
    """URL and key of an account in an Azurite of its own, stopped at the end."""
    key, port = base64.b64encode(secrets.token_bytes(64)).decode(), free_port()
    process = subprocess.Popen(
        [
            *("azurite-blob", "--silent", "--skipApiVersionCheck", "--disableTelemetry", *options),
            *("--location", str(folder), "--blobHost", "127.0.0.1", "--blobPort", str(port)),
        ],
        env={**os.environ, "AZURITE_ACCOUNTS": f"{account}:{key}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + READY_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, "azurite ended"
                assert time.monotonic() < until, "azurite does not answer"
                time.sleep(0.1)
        yield f"{scheme}://127.0.0.1:{port}/{account}", key
    finally:
        process.terminate()
        process.wait(timeout=15)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    with running_azurite(tmp_path_factory.mktemp("azurite"), "planbtest") as (url, key):
        yield Azurite(url, key)


@pytest.fixture
def container_url(azurite: Azurite) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex[:20]}"
    client = azurite.service.create_container(name)
    yield f"{azurite.url}/{name}"
    client.delete_container()


@pytest.fixture
def container(container_url: str, azurite: Azurite) -> Container:
    return open_container(container_url, env=azurite.env, limits=QUICK)


@pytest.fixture
def make_database(source: Server) -> Iterator[Callable[..., str]]:
    """Makes an empty database on the source and drops it afterwards."""
    made: list[str] = []

    def make(*statements: str) -> str:
        name = f"pet_{uuid.uuid4().hex[:8]}"
        made.append(name)
        source.root(f"CREATE DATABASE {name}", f"USE {name}", *statements)
        return name

    yield make
    for name in made:
        source.root(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture
def clean_target(target: Server) -> Iterator[Server]:
    """The target, without whatever the test restored."""
    yield target
    own = {"mysql", "sys", "information_schema", "performance_schema"}
    for (name,) in target.root("SHOW DATABASES"):
        if name not in own:
            target.root(f"DROP DATABASE `{name}`")
    target.root("DROP USER IF EXISTS planb_app@'%'")


APP_PASSWORD = "App-canary-" + secrets.token_hex(8)
BACKUP_PASSWORD = "Bak-canary-" + secrets.token_hex(8)
REPLICATION_PASSWORD = "Rep-canary-" + secrets.token_hex(8)
ACCOUNTS = ("planb_app", "planb_backup", "planb_replication")


@pytest.fixture
def backup_user(source: Server) -> Iterator[Callable[[str], Database]]:
    """Bootstraps a database of the source; gives it as its backup user sees it."""

    def make(name: str) -> Database:
        with Session(source.admin(name), schema=False) as session:
            bootstrap(
                session,
                name,
                app=Account("planb_app", SecretStr(APP_PASSWORD)),
                backup=Account("planb_backup", SecretStr(BACKUP_PASSWORD)),
                replication=Account("planb_replication", SecretStr(REPLICATION_PASSWORD)),
                binlog_retention_hours=24,
            )
        return source.database(name, "planb_backup", BACKUP_PASSWORD)

    yield make
    source.root(*(f"DROP USER IF EXISTS {user}@'%'" for user in ACCOUNTS))
