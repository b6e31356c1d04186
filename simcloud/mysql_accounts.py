"""Accounts and restrictions of the managed services, as SQL for a server's first start.

RDS: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html (master user privileges)
Azure: MicrosoftDocs/azure-databases-docs articles/mysql/flexible-server/concepts-limitations.md (privilege support)

RELOAD is left out on both sides although the services list it: there, it does not bring FLUSH TABLES WITH READ LOCK,
which is denied, and MySQL has no finer way to say so. The FLUSH_* privileges cover the statements that work there.
"""

from __future__ import annotations

_COMMON = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, "
    "CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, "
    "CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER, CREATE ROLE, DROP ROLE"
)
_DYNAMIC = {
    "rds": "APPLICATION_PASSWORD_ADMIN, CONNECTION_ADMIN, FLUSH_OPTIMIZER_COSTS, FLUSH_STATUS, FLUSH_USER_RESOURCES, "
    "REPLICATION_APPLIER, ROLE_ADMIN, SESSION_VARIABLES_ADMIN, SET_ANY_DEFINER, SHOW_ROUTINE, XA_RECOVER_ADMIN",
    "azure": "REPLICATION_APPLIER, ROLE_ADMIN, SESSION_VARIABLES_ADMIN, SHOW_ROUTINE, XA_RECOVER_ADMIN, "
    "FLUSH_OPTIMIZER_COSTS, FLUSH_STATUS, FLUSH_USER_RESOURCES",
}
_PROCEDURES = {
    "rds": [
        "CREATE TABLE mysql.rds_configuration "
        "(name VARCHAR(100) PRIMARY KEY, value VARCHAR(100), description VARCHAR(300))",
        "INSERT INTO mysql.rds_configuration VALUES ('binlog retention hours', NULL, "
        "'binlog retention hours specifies the duration in hours before binary logs are automatically deleted.')",
        """CREATE DEFINER={internal} PROCEDURE mysql.rds_set_configuration(
  IN setting VARCHAR(100), IN wanted VARCHAR(100))
  SQL SECURITY DEFINER
BEGIN
  IF NOT EXISTS (SELECT 1 FROM mysql.rds_configuration WHERE name = setting) THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'Invalid configuration setting name';
  ELSEIF wanted IS NOT NULL AND (wanted REGEXP '[^0-9]' OR wanted + 0 < 1 OR wanted + 0 > 168) THEN
    SIGNAL SQLSTATE '45000'
      SET MESSAGE_TEXT = 'For binlog retention hours the value must be between 1 and 168 or be NULL';
  ELSE
    UPDATE mysql.rds_configuration SET value = wanted WHERE name = setting;
  END IF;
END""",
        "CREATE DEFINER={internal} PROCEDURE mysql.rds_show_configuration() SQL SECURITY DEFINER "
        "SELECT * FROM mysql.rds_configuration",
        "CREATE DEFINER={internal} PROCEDURE mysql.rds_kill(IN thread BIGINT) SQL SECURITY DEFINER KILL thread",
    ],
    "azure": [
        "CREATE DEFINER={internal} PROCEDURE mysql.az_kill(IN thread BIGINT) SQL SECURITY DEFINER KILL thread"
    ],
}
_WRITES = "INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, TRIGGER, CREATE ROUTINE, ALTER ROUTINE, EVENT"


def first_sql(internal: str, internal_password: str) -> str:
    """SQL for `--init-file` of the first start: the service's own administrator takes over from root."""
    own = f"'{internal}'@'localhost'"
    return "\n".join(
        [
            "SET sql_log_bin = 0;",
            f"CREATE USER {own} IDENTIFIED BY {_text(internal_password)};",
            f"GRANT ALL ON *.* TO {own} WITH GRANT OPTION;",
            "DROP USER 'root'@'localhost';",
        ]
    )


def statements(internal: str, flavour: str, admin: str, password: str) -> list[str]:
    """What the service's administrator then sets up: its procedures and the customer's administrator."""
    own = f"'{internal}'@'localhost'"
    customer = f"{_text(admin)}@'%'"
    return [
        "SET sql_log_bin = 0",
        *(text.format(internal=own) for text in _PROCEDURES[flavour]),
        f"CREATE USER {customer} IDENTIFIED BY {_text(password)}",
        f"GRANT {_COMMON} ON *.* TO {customer} WITH GRANT OPTION",
        f"GRANT {_DYNAMIC[flavour]} ON *.* TO {customer} WITH GRANT OPTION",
        f"REVOKE {_WRITES} ON mysql.* FROM {customer}",
        f"REVOKE {_WRITES} ON sys.* FROM {customer}",
    ]


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
