"""Parameters of RDS's families mysql8.0 and mysql8.4, as far as somebody here has a use for them.

Names, apply types and values: `aws rds describe-engine-default-parameters --db-parameter-group-family mysql8.4`
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.MySQL.Parameters.html). What 8.4 no longer has:
https://dev.mysql.com/doc/mysqld-version-reference/en/optvar-changes-8-4.html
"""

from __future__ import annotations

import re
from typing import Any

from simcloud.kinds import CloudError

SWITCH = ("0", "1")
# Dynamic ones; a tuple is what RDS allows, None anything.
DYNAMIC: dict[str, tuple[str, ...] | None] = {
    "binlog_format": ("ROW", "STATEMENT", "MIXED"),
    "binlog_row_image": ("full", "minimal", "noblob"),
    "binlog_row_metadata": ("FULL", "MINIMAL"),
    "character_set_server": None,
    "collation_server": None,
    "event_scheduler": ("ON", "OFF"),
    "group_concat_max_len": None,
    "innodb_flush_log_at_trx_commit": ("0", "1", "2"),
    "innodb_lock_wait_timeout": None,
    "interactive_timeout": None,
    "local_infile": SWITCH,
    "lock_wait_timeout": None,
    "log_bin_trust_function_creators": SWITCH,
    "log_output": ("TABLE", "FILE", "NONE"),
    "long_query_time": None,
    "max_allowed_packet": None,
    "max_connections": None,
    "net_read_timeout": None,
    "net_write_timeout": None,
    "require_secure_transport": SWITCH,
    "slow_query_log": SWITCH,
    "sql_mode": None,
    "sync_binlog": None,
    "time_zone": None,
    "wait_timeout": None,
}
STATIC: dict[str, tuple[str, ...] | None] = {
    "explicit_defaults_for_timestamp": SWITCH,
    "lower_case_table_names": SWITCH,  # 2 is for file systems that RDS does not have
    "performance_schema": SWITCH,
    "tls_version": None,
}
ONLY_80: dict[str, tuple[str, ...] | None] = {
    "binlog_transaction_dependency_tracking": ("COMMIT_ORDER", "WRITESET", "WRITESET_SESSION"),
    "default_authentication_plugin": None,
    "expire_logs_days": None,
}
FIXED = frozenset({"basedir", "datadir", "log_bin", "port", "secure_file_priv", "server_id", "socket"})


def check(family: str, parameter: dict[str, Any]) -> None:
    """Refuses a parameter of a group as ModifyDBParameterGroup does; the provider's own default is `immediate`."""
    name, value = str(parameter["name"]), str(parameter["value"])
    known = {**DYNAMIC, **STATIC, **(ONLY_80 if family == "mysql8.0" else {})}
    if name in FIXED:
        raise CloudError("InvalidParameterValue", f"The parameter {name} cannot be modified.")
    if name not in known:
        raise CloudError("InvalidParameterValue", f"Could not find parameter with name: {name}")
    if name in STATIC and parameter.get("applyMethod", "immediate") == "immediate":
        raise CloudError(
            "InvalidParameterCombination", "cannot use immediate apply method for static parameter"
        )
    allowed = known[name]
    if allowed and value.lower() not in {one.lower() for one in allowed} and not re.search(r"[{}]", value):
        text = f"Invalid parameter value: {value} for: {name} allowed values are: {','.join(allowed)}"
        raise CloudError("InvalidParameterValue", text)
