"""A real MySQL server for each simulated database, with what the managed services take away taken away.

Each server has its own data directory, its own loopback address and the true port 3306. Acknowledged commits are
durable (they must survive a region's power loss). Accounts and restrictions are in `mysql_accounts.py`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql

from simcloud import mysql_accounts
from simcloud.kinds import CloudError
from simcloud.network import Network
from simcloud.processes import alive, kill_recorded
from simcloud.state import State

PORT = 3306
START_TIMEOUT_S = 60.0
_SCOPE = "mysql:servers"
INTERNAL = {"rds": "rdsadmin", "azure": "azure_superuser"}
# Parameters that we hand to the server as they are; what a service calls otherwise or ignores is dropped beside it.
PASSED_ON = {
    *(
        "binlog_format",
        "binlog_row_image",
        "binlog_row_metadata",
        "binlog_expire_logs_seconds",
        "sync_binlog",
    ),
    *("character_set_server", "collation_server", "lower_case_table_names", "sql_mode", "time_zone"),
    *(
        "explicit_defaults_for_timestamp",
        "transaction_isolation",
        "group_concat_max_len",
        "max_allowed_packet",
    ),
    *("innodb_flush_log_at_trx_commit", "innodb_lock_wait_timeout", "lock_wait_timeout", "max_connections"),
    *("interactive_timeout", "wait_timeout", "net_read_timeout", "net_write_timeout", "local_infile"),
    *("log_bin_trust_function_creators", "sql_generate_invisible_primary_key", "event_scheduler"),
    *("long_query_time", "slow_query_log", "require_secure_transport", "tls_version"),
    *("gtid_mode", "enforce_gtid_consistency"),
}
OURS = frozenset({"log_output", "performance_schema", "binlog_transaction_dependency_tracking"})
# A value in the service's words: mysqld knows no named time zones unless their tables are loaded.
AS_MYSQL_SAYS = {"{DBInstanceClassMemory/12582880}": "341", "UTC": "+00:00"}
OPTION = {"time_zone": "default-time-zone"}
"""Variables that mysqld takes under another name when it starts."""
AT_CREATION = frozenset({"lower_case_table_names"})
DEFAULTS = {
    "rds": {"require_secure_transport": "OFF", "log_bin_trust_function_creators": "OFF"},
    "azure": {
        "require_secure_transport": "ON",
        "log_bin_trust_function_creators": "ON",
        "sql_generate_invisible_primary_key": "ON",
        "lower_case_table_names": "1",
    },
}


@dataclass(frozen=True)
class MySQLEndpoint:
    host: str
    port: int


class MySQLServers:
    """All database servers of one simulation; thread-safe. State survives the daemon, processes do not."""

    def __init__(self, directory: Path, state: State, network: Network) -> None:
        self._dir = directory / "mysql"
        self._dir.mkdir(parents=True, exist_ok=True)
        self._dir.chmod(0o755)
        self._state, self._network = state, network
        self._lock = threading.RLock()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._templates: dict[str, threading.Lock] = {"0": threading.Lock(), "1": threading.Lock()}
        self.program = shutil.which("mysqld")

    # -- what kinds use --

    def create(
        self,
        server_id: str,
        *,
        flavour: str,
        version: str,
        admin: str,
        password: str,
        region: str,
        parameters: dict[str, str],
        databases: list[str] | None = None,
    ) -> MySQLEndpoint:
        """Makes a server with its administrator and databases; returns when it answers."""
        merged = {**DEFAULTS[flavour], **self.checked(parameters)}
        record: dict[str, Any] = {
            "flavour": flavour,
            "version": version,
            "region": region,
            "host": self._network.loopback_address(),
            "parameters": merged,
            "internal_password": secrets.token_urlsafe(24),
        }
        home = self._dir / server_id
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        self._template(merged.get("lower_case_table_names", "0"), home / "data")
        self._state.kv_put(_SCOPE, server_id, record)
        first = mysql_accounts.first_sql(INTERNAL[flavour], record["internal_password"])
        self._start(server_id, init_sql=first)
        with self.session(server_id) as cursor:
            for statement in mysql_accounts.statements(INTERNAL[flavour], flavour, admin, password):
                cursor.execute(statement)
        for name in databases or []:
            self.create_database(server_id, name)
        return MySQLEndpoint(record["host"], PORT)

    def update(
        self,
        server_id: str,
        *,
        password: str | None = None,
        admin: str = "",
        parameters: dict[str, str] | None = None,
    ) -> None:
        """Rotates the administrator's password and applies parameters, with a restart where one is needed."""
        record = self._record(server_id)
        if parameters is not None:
            merged = {**DEFAULTS[record["flavour"]], **self.checked(parameters)}
            fixed = [n for n in AT_CREATION if merged.get(n, "0") != record["parameters"].get(n, "0")]
            if fixed:
                raise CloudError(
                    "InvalidParameterValue", f"{fixed[0]} can only be set when the server is created"
                )
            if merged != record["parameters"]:
                self._state.kv_put(_SCOPE, server_id, {**record, "parameters": merged})
                self._stop(server_id)
                self._start(server_id)
        if password is not None:
            with self.session(server_id) as cursor:
                cursor.execute("ALTER USER %s@'%%' IDENTIFIED BY %s", (admin, password))

    def set_parameter(self, server_id: str, name: str, value: str) -> None:
        """One server parameter (Azure's configurations): at once where MySQL allows it, else with a restart."""
        self.checked({name: value})
        record = self._record(server_id)
        record["parameters"][name] = value
        self._state.kv_put(_SCOPE, server_id, record)
        try:
            with self.session(server_id) as cursor:
                number = int(value) if value.lstrip("-").isdigit() else value
                cursor.execute(f"SET GLOBAL {name} = %s", (number,))
        except pymysql.MySQLError:
            self._stop(server_id)
            self._start(server_id)

    def delete(self, server_id: str) -> None:
        self._stop(server_id)
        self._state.kv_delete(_SCOPE, server_id)
        shutil.rmtree(self._dir / server_id, ignore_errors=True)

    def create_database(
        self, server_id: str, name: str, charset: str = "utf8mb4", collation: str = ""
    ) -> None:
        extra = f" COLLATE {collation}" if collation else ""
        with self.session(server_id) as cursor:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET {charset}{extra}")

    def drop_database(self, server_id: str, name: str) -> None:
        with self.session(server_id) as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")

    def endpoint(self, server_id: str) -> MySQLEndpoint:
        return MySQLEndpoint(str(self._record(server_id)["host"]), PORT)

    def exists(self, server_id: str) -> bool:
        return self._state.kv_get(_SCOPE, server_id) is not None

    def checked(self, parameters: dict[str, str]) -> dict[str, str]:
        """The parameters that the server gets; CloudError for one that does not exist."""
        for name in parameters:
            if name not in PASSED_ON | OURS:
                raise CloudError("InvalidParameterValue", f"Could not find parameter with name: {name}")
        values = {name: str(value) for name, value in parameters.items() if name in PASSED_ON}
        return {name: AS_MYSQL_SAYS.get(value, value) for name, value in values.items()}

    # -- darkness and life --

    def power(self, region: str, *, on: bool) -> None:
        """A region's power: off kills its servers without warning, on starts them on the data that they have."""
        for server_id, record in self._state.kv_items(_SCOPE).items():
            if record["region"] == region:
                self._start(server_id) if on else self._kill(server_id)

    def start_all(self) -> None:
        """After a daemon's restart: ends what its predecessor left and starts every server again."""
        for server_id in self._state.kv_items(_SCOPE):
            kill_recorded(self._dir / server_id / "pid", "mysqld")
            self._start(server_id)

    def stop_all(self) -> None:
        for server_id in list(self._processes):
            self._stop(server_id)

    @contextlib.contextmanager
    def session(self, server_id: str) -> Generator[Any]:
        """A cursor as the service's own administrator, by the local socket."""
        record = self._record(server_id)
        connection = pymysql.connect(
            unix_socket=str(self._socket(server_id)),
            user=INTERNAL[record["flavour"]],
            password=record["internal_password"],
            autocommit=True,
        )
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    # -- inside --

    def _record(self, server_id: str) -> dict[str, Any]:
        record = self._state.kv_get(_SCOPE, server_id)
        if record is None:
            raise CloudError("DBInstanceNotFound", f"DBInstance {server_id} not found.")
        return record

    def _socket(self, server_id: str) -> Path:
        # Not in the state directory: a socket's path may have 107 characters, a test's directory has more.
        subnet = self._record(server_id)["host"].replace(".", "-")
        return Path(tempfile.gettempdir()) / f"planb-mysql-{subnet}.sock"

    def _template(self, case_rule: str, target: Path) -> None:
        """An initialised data directory: made once per case rule, copied for each server."""
        template = self._dir / f"template-{case_rule}"
        with self._templates[case_rule]:
            if not template.exists():
                scratch = self._dir / f".template-{case_rule}"
                shutil.rmtree(scratch, ignore_errors=True)
                log = self._dir / "initialize.log"
                with log.open("wb") as output:
                    code = subprocess.run(
                        [
                            self._mysqld(),
                            "--no-defaults",
                            "--initialize-insecure",
                            f"--datadir={scratch}",
                            f"--lower-case-table-names={case_rule}",
                            "--innodb-redo-log-capacity=16M",
                            *self._user(),
                            *self._share(),
                        ],
                        stdout=output,
                        stderr=output,
                        check=False,
                    ).returncode
                if code != 0:
                    raise RuntimeError(f"mysqld could not initialise a data directory; see {log}")
                for pem in scratch.glob("*.pem"):
                    pem.unlink()  # made by MySQL itself; ours come from the simulated authority
                (scratch / "auto.cnf").unlink(missing_ok=True)  # each server gets its own UUID
                scratch.rename(template)
        shutil.copytree(template, target)

    def warm_up(self) -> None:
        """Makes the usual template ahead of the first server, so that it does not wait for it."""
        if self.program is None:
            return
        scratch = Path(tempfile.mkdtemp(prefix=".warm-", dir=self._dir))
        try:
            self._template("1", scratch / "data")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _mysqld(self) -> str:
        if self.program is None:
            raise CloudError("InternalFailure", "no mysqld on PATH: run make setup")
        return self.program

    @staticmethod
    def _user() -> list[str]:
        return ["--user=root"] if os.geteuid() == 0 else []

    def _share(self) -> list[str]:
        """Debian's unpacked server has to be told where its own files are."""
        root = Path(self._mysqld()).resolve().parent / "root" / "usr"
        if not root.exists():
            return []
        return [
            f"--basedir={root}",
            f"--lc-messages-dir={root}/share/mysql",
            f"--character-sets-dir={root}/share/mysql/charsets",
        ]

    def _start(self, server_id: str, init_sql: str = "") -> None:
        with self._lock:
            record = self._record(server_id)
            if self._network.is_dark(record["region"]) or alive(self._processes.get(server_id)):
                return
            home = self._dir / server_id
            files = self._network.certificate(record["host"])
            options = {
                "datadir": home / "data",
                "socket": self._socket(server_id),
                "pid-file": home / "mysqld.pid",
                "log-error": home / "error.log",
                "bind-address": record["host"],
                "port": PORT,
                "ssl-ca": self._network.ca_file,
                "ssl-cert": files.cert,
                "ssl-key": files.key,
                "secure-file-priv": "NULL",
                "server-id": int(record["host"].rsplit(".", 1)[1]),
                "log-bin": f"{home}/data/mysql-bin-changelog",
                "innodb-buffer-pool-size": "128M",
                "innodb-redo-log-capacity": "64M",
                "innodb-flush-log-at-trx-commit": 1,
                "sync-binlog": 1,
                "performance-schema": "OFF",
                "mysqlx": "OFF",
                "partial-revokes": "ON",
                "skip-name-resolve": "ON",
                "slow-query-log-file": home / "slow.log",
                **{
                    OPTION.get(name, name.replace("_", "-")): value
                    for name, value in record["parameters"].items()
                },
            }
            config = home / "my.cnf"
            lines = ["[mysqld]", *(f"{name}={value}" for name, value in options.items())]
            config.write_text("\n".join(lines) + "\n")
            command = [self._mysqld(), f"--defaults-file={config}", *self._user(), *self._share()]
            if init_sql:
                script = home / "init.sql"
                script.touch(mode=0o600)
                script.write_text(init_sql)
                command.append(f"--init-file={script}")
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
            )
            (home / "pid").write_text(str(process.pid))
            self._processes[server_id] = process
            self._wait(server_id, process)
            if init_sql:
                (home / "init.sql").unlink()

    def _wait(self, server_id: str, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            with contextlib.suppress(pymysql.MySQLError), self.session(server_id) as cursor:
                cursor.execute("SELECT 1")
                return
            time.sleep(0.1)
        log = self._dir / server_id / "error.log"
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:]) if log.exists() else "no log"
        process.kill()
        raise RuntimeError(f"mysqld for {server_id} did not start: {tail}")

    def _kill(self, server_id: str) -> None:
        process = self._processes.pop(server_id, None)
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()

    def _stop(self, server_id: str) -> None:
        process = self._processes.pop(server_id, None)
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._socket(server_id).unlink(missing_ok=True)
