"""Server parameters of a MySQL Flexible Server that simcloud knows: defaults, ranges, what cannot be set.

concepts-server-parameters.md and concepts-limitations.md (MicrosoftDocs/azure-databases-docs), the 8.0 column. Only
what the world can hand to its server (`simcloud.mysql.PASSED_ON`), and what the service shows as read-only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Parameter:
    """`allowed` is as the service shows it: "ON,OFF" for an enumeration, "1-100" for a range, or a pattern."""

    kind: str  # "Enumeration" | "Integer" | "Numeric" | "String"
    default: str
    allowed: str
    about: str
    dynamic: bool = True
    read_only: bool = False


def _switch(default: str, about: str, *, read_only: bool = False) -> Parameter:
    return Parameter("Enumeration", default, "ON,OFF", about, read_only=read_only)


def _number(default: int, low: int, high: int, about: str, *, dynamic: bool = True) -> Parameter:
    return Parameter("Integer", str(default), f"{low}-{high}", about, dynamic=dynamic)


PARAMETERS: dict[str, Parameter] = {
    "require_secure_transport": _switch("ON", "Whether client connections must use TLS."),
    "sql_generate_invisible_primary_key": _switch(
        "ON", "Adds my_row_id to tables made without a primary key."
    ),
    "log_bin_trust_function_creators": _switch(
        "ON", "Whether function creators are trusted with the binary log."
    ),
    "event_scheduler": _switch("OFF", "Whether the event scheduler runs."),
    "slow_query_log": _switch("OFF", "Whether slow queries are logged."),
    "local_infile": _switch("OFF", "Whether LOAD DATA LOCAL is allowed."),
    "innodb_file_per_table": _switch("ON", "One tablespace a table.", read_only=True),
    "log_bin": _switch("ON", "The binary log; always on.", read_only=True),
    "gtid_mode": Parameter(
        "Enumeration", "OFF", "OFF,OFF_PERMISSIVE,ON_PERMISSIVE,ON", "GTID mode, one step a time."
    ),
    "enforce_gtid_consistency": Parameter(
        "Enumeration", "OFF", "OFF,ON,WARN", "Only statements safe for GTID."
    ),
    "binlog_row_image": Parameter(
        "Enumeration", "FULL", "FULL,MINIMAL,NOBLOB", "Columns in row events.", True
    ),
    "binlog_expire_logs_seconds": _number(0, 0, 4294967295, "How long purged binary logs stay; 0: at once."),
    "binlog_row_metadata": Parameter(
        "Enumeration", "MINIMAL", "FULL,MINIMAL", "Table metadata in row events."
    ),
    "max_allowed_packet": _number(16777216, 1024, 1073741824, "Longest packet, bytes."),
    "max_connections": _number(341, 10, 100000, "Connections at once; the size sets the most."),
    "wait_timeout": _number(28800, 1, 31536000, "Idle seconds before a connection is closed."),
    "interactive_timeout": _number(28800, 10, 31536000, "The same for interactive clients."),
    "net_read_timeout": _number(120, 10, 3600, "Seconds to wait for more data."),
    "net_write_timeout": _number(240, 10, 3600, "Seconds to wait for a block to be written."),
    "lock_wait_timeout": _number(31536000, 1, 31536000, "Seconds to wait for metadata locks."),
    "innodb_lock_wait_timeout": _number(50, 1, 3600, "Seconds to wait for row locks."),
    "innodb_flush_log_at_trx_commit": _number(1, 0, 2, "When the redo log is flushed."),
    "long_query_time": Parameter("Numeric", "10", "0-31536000", "Seconds from which a query is slow."),
    "group_concat_max_len": _number(1024, 4, 16777216, "Longest result of GROUP_CONCAT."),
    "character_set_server": Parameter(
        "Enumeration", "utf8mb4", "ascii,binary,euckr,latin1,utf8,utf8mb3,utf8mb4", "Default character set."
    ),
    "collation_server": Parameter(
        "String", "utf8mb4_0900_ai_ci", r"[a-z0-9]+_[a-z0-9_]+", "Default collation."
    ),
    "transaction_isolation": Parameter(
        "Enumeration",
        "REPEATABLE-READ",
        "READ-UNCOMMITTED,READ-COMMITTED,REPEATABLE-READ,SERIALIZABLE",
        "Isolation of new transactions.",
    ),
    "time_zone": Parameter(
        "String",
        "SYSTEM",
        r"SYSTEM|UTC|[+-](0\d|1[0-4]):[0-5]\d|[A-Z][A-Za-z_]+(/[A-Za-z_]+){1,2}",
        "Time zone.",
    ),
    "sql_mode": Parameter(
        "String",
        "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE,STRICT_TRANS_TABLES",
        r"([A-Z_0-9]+(,[A-Z_0-9]+)*)?",
        "SQL modes.",
    ),
    "tls_version": Parameter("String", "TLSv1.2", r"TLSv1\.[23](,TLSv1\.[23])?", "TLS versions.", False),
    # Fixed at creation on 8.0 and later; azure-native's Server has no property for it.
    "lower_case_table_names": Parameter("Enumeration", "1", "1,2", "How table names compare.", False, True),
    "error_server_log_file": _switch("OFF", "Whether the error log goes to a file.", read_only=True),
    "version": Parameter("String", "8.0.42-azure", r".*", "Server version.", False, True),
}


def check_value(parameter: Parameter, value: str) -> bool:
    """Whether the service takes the value."""
    if parameter.kind == "Enumeration":
        return value.upper() in parameter.allowed.upper().split(",")
    if parameter.kind in {"Integer", "Numeric"}:
        low, _, high = parameter.allowed.partition("-")
        try:
            number = float(value)
        except ValueError:
            return False
        return float(low) <= number <= float(high) and (parameter.kind == "Numeric" or number.is_integer())
    return re.fullmatch(parameter.allowed, value) is not None
