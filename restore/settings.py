"""Where the database and the container are, and with which secrets: read once, at the edge, from file or environment.

Secrets are `SecretStr`: they do not show in repr, logs or tracebacks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from restore.azure_access import AzureAccess
from restore.errors import ConfigurationError

Environment = Mapping[str, str]
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Database:
    """One MySQL database on one server, and who we are there. TLS is always verified, name included."""

    host: str
    name: str
    user: str
    password: SecretStr = field(repr=False)
    port: int = 3306
    ca_file: Path | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}/{self.name}"

    def named(self, name: str) -> Database:
        """The same server and user, another database."""
        return replace(self, name=name)


def mysql_ca_file(env: Environment | None = None) -> Path | None:
    """CA bundle for MySQL's TLS: PLANB_MYSQL_CA_FILE, else SSL_CERT_FILE, else None (the system's).

    Raises:
        ConfigurationError: the variable names a file that is not there.
    """
    env = os.environ if env is None else env
    for name in ("PLANB_MYSQL_CA_FILE", "SSL_CERT_FILE"):
        if value := env.get(name):
            path = Path(value)
            if not path.is_file():
                raise ConfigurationError(
                    f"{value} does not exist",
                    where=name,
                    next_step="Set it to the CA bundle of the database.",
                )
            return path
    return None


class DatabaseAddress(BaseModel):
    """Host, port and database name without credentials."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(min_length=1)
    port: int = Field(default=3306, ge=1, le=65535)
    name: str = Field(min_length=1)


class AgentConfig(BaseModel):
    """`agent.json` on a host; written by Pulumi, holds no secret. Without an ARN the host has no such access."""

    model_config = ConfigDict(frozen=True)

    container_url: str = Field(min_length=1)
    region: str = Field(min_length=1)
    database: DatabaseAddress
    backup_secret_arn: str = Field(min_length=1)
    replication_secret_arn: str = Field(min_length=1)
    master_secret_arn: str = ""
    app_secret_arn: str = ""
    project: str = ""
    """The dimension of its metrics; "" publishes none."""
    group: str = ""
    """Its Auto Scaling group, for a host that retires by itself."""
    azure: AzureAccess | None = None
    """None takes azure-identity's default chain."""
    ca_file: Path | None = None
    binlog_retention_hours: int = Field(default=24, ge=1, le=168)
    site: Literal["aws", "azure"] = "aws"

    @classmethod
    def load(cls, path: Path, env: Environment | None = None) -> Self:
        """Read the file; with PLANB_ROOT set, an absolute path lies below it (an image's or a sandbox's root).

        Raises:
            ConfigurationError: unreadable, not JSON, or a key is missing or wrong.
        """
        path = rooted(path, env)
        try:
            raw: Any = json.loads(path.read_text())
        except OSError as problem:
            raise ConfigurationError(
                f"cannot be read: {problem.strerror}",
                where=str(path),
                next_step="Give the agent's configuration with --config.",
            ) from None
        except ValueError as problem:
            raise ConfigurationError(f"is not JSON: {problem}", where=str(path)) from None
        return validated(cls, raw, str(path))


class JobSettings(BaseModel):
    """A container job's settings, from PLANB_* variables."""

    model_config = ConfigDict(frozen=True)

    job: Literal["restore", "backup", "unlock", "follow"]
    run: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    container_url: str = Field(min_length=1)
    db_host: str = Field(min_length=1)
    db_name: str = Field(min_length=1)
    db_user: str = Field(min_length=1)
    db_password: SecretStr = Field(min_length=1)
    db_port: int = Field(default=3306, ge=1, le=65535)
    app_user: str = Field(min_length=1)
    app_password: SecretStr = Field(default=SecretStr(""))
    backup: str = ""
    replace: bool = False
    wait_s: float = Field(default=900, gt=0)
    """How long to wait for the database to accept connections, in seconds."""

    @classmethod
    def from_env(cls, env: Environment | None = None) -> Self:
        """PLANB_JOB, PLANB_RUN, PLANB_BACKUP, PLANB_CONTAINER_URL, PLANB_DB_*, PLANB_APP_*, PLANB_WAIT_S.

        Raises:
            ConfigurationError: a variable is missing or wrong; the message names it.
        """
        env = os.environ if env is None else env
        raw = {
            name: env[f"PLANB_{name.upper()}"]
            for name in cls.model_fields
            if env.get(f"PLANB_{name.upper()}")
        }
        settings = validated(cls, raw, "environment", lambda key: f"PLANB_{key.upper()}")
        needed = {"restore": ("backup", "app_password"), "follow": ("app_password",)}.get(settings.job, ())
        for name in needed:
            if name not in raw:
                raise ConfigurationError(f"PLANB_{name.upper()} is not set", where=f"job {settings.job}")
        return settings

    def database(self, env: Environment | None = None) -> Database:
        return Database(
            host=self.db_host,
            port=self.db_port,
            name=self.db_name,
            user=self.db_user,
            password=self.db_password,
            ca_file=mysql_ca_file(env),
        )


def rooted(path: Path, env: Environment | None = None) -> Path:
    """`path` below PLANB_ROOT when that is set and the path is absolute and not already below it."""
    root = (os.environ if env is None else env).get("PLANB_ROOT")
    if not root or not path.is_absolute() or path.is_relative_to(root):
        return path
    return Path(root) / path.relative_to("/")


def validated(model: type[M], raw: Any, where: str, name: Callable[[str], str] = str) -> M:
    """`raw` as `model`; every wrong key in one line, by the name the user knows, never with its value if secret."""
    try:
        return model.model_validate(raw)
    except ValidationError as problem:
        wrong = "; ".join(
            f"{name('.'.join(map(str, error['loc'])))}: {error['msg']}"
            for error in problem.errors(include_input=False)
        )
        raise ConfigurationError(wrong, where=where) from None
