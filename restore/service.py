"""The backup host's work: bootstrap, one backup under a lease, and the loop that takes one every interval."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pydantic import SecretStr

from restore import dump, fencing, log, users
from restore.errors import (
    ConfigurationError,
    DataPlaneError,
    Interrupted,
    LeaseHeld,
    Refused,
    Unauthorized,
    Unreachable,
)
from restore.models import DEFAULT_PREFIX, Manifest
from restore.mysql import Session
from restore.settings import AgentConfig, Database, mysql_ca_file
from restore.users import Account

if TYPE_CHECKING:
    from restore.blobs import Container

SECRET_VARIABLES = (
    "PLANB_DB_PASSWORD",
    "PLANB_APP_PASSWORD",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
)
RETRY_S = 15.0
"""Between two tries to bootstrap."""


@dataclass(frozen=True, slots=True)
class Host:
    """What the backup host works with. Secrets are fetched when needed: they may rotate."""

    config: AgentConfig
    container: Container
    stop: threading.Event

    def admin(self) -> Database:
        return self._database(secret(self.config.master_secret_arn, self.config.region))

    def backup_user(self) -> Database:
        return self._database(secret(self.config.backup_secret_arn, self.config.region))

    def app(self) -> Account:
        return secret(self.config.app_secret_arn, self.config.region)

    def bootstrap(self) -> list[str]:
        """Database, users, grants and binlog retention; see `users.bootstrap`."""
        backup = secret(self.config.backup_secret_arn, self.config.region)
        with Session(self.admin(), schema=False) as session:
            return users.bootstrap(
                session,
                self.config.database.name,
                app=self.app(),
                backup=backup,
                replication=secret(self.config.replication_secret_arn, self.config.region),
                binlog_retention_hours=self.config.binlog_retention_hours,
            )

    def backup(self, prefix: str = DEFAULT_PREFIX, *, accept_shrink: bool = False) -> Manifest:
        """One backup, with nobody else making one under the same prefix.

        Raises:
            LeaseHeld: somebody else is.
            Refused: another site is active, and this is the prefix that restores choose from.
        """
        return guarded_backup(
            self.backup_user(),
            self.container,
            prefix,
            site=self.config.site,
            accept_shrink=accept_shrink,
            stop=self.stop,
        )

    def run(self) -> None:
        """Bootstrap, then a backup at once and at every multiple of the interval, until told to stop."""
        logger = log.get()
        while not self.stop.is_set():
            if self._logged("bootstrap", self._bootstrap_logged):
                break
            self.stop.wait(RETRY_S)
        while not self.stop.is_set():
            self._logged("backup", self._backup_logged)
            pause = until_next(time.time(), self.config.interval_s)
            self.stop.wait(pause)
        logger.info("stopped")

    def _bootstrap_logged(self) -> None:
        log.get().info("bootstrap done", notes=self.bootstrap())

    def _backup_logged(self) -> None:
        manifest = self.backup()
        level = "error" if manifest.quarantine else "info"
        getattr(log.get(), level)(
            "backup quarantined" if manifest.quarantine else "backup done", **dump.describe(manifest)
        )

    def _logged(self, what: str, work: Any) -> bool:
        """Run it; a failure becomes one line and the next interval tries again."""
        try:
            work()
        except Interrupted:
            return False
        except (LeaseHeld, Refused) as problem:
            log.get().warning(f"{what} skipped", **problem.as_fields())
            return False
        except DataPlaneError as problem:
            log.get().error(f"{what} failed", **problem.as_fields())
            return False
        except Exception as problem:  # noqa: BLE001 - a bug must not end the service: it is logged, and tried again
            log.get().error(f"{what} failed", **{"class": type(problem).__name__}, exc_info=True)
            return False
        return True

    def _database(self, account: Account) -> Database:
        address = self.config.database
        return Database(
            host=address.host,
            port=address.port,
            name=address.name,
            user=account.user,
            password=account.password,
            ca_file=mysql_ca_file() or self.config.ca_file,
        )


def guarded_backup(
    db: Database,
    container: Container,
    prefix: str,
    *,
    site: fencing.Site,
    accept_shrink: bool = False,
    progress: Any = None,
    stop: threading.Event | None = None,
) -> Manifest:
    """`dump.take_backup` under the prefix's lease, and under `backups/` for the active site only."""
    prefix = prefix if prefix.endswith("/") else prefix + "/"

    def active() -> None:
        if prefix == DEFAULT_PREFIX:
            fencing.require_active(container, site)

    active()
    with container.lease(
        f"locks/{prefix.strip('/').replace('/', '-')}.json", what=f"backup of {db}"
    ) as lease:

        def may_publish() -> None:
            lease.check()
            active()

        return dump.take_backup(
            db,
            container,
            prefix=prefix,
            accept_shrink=accept_shrink,
            may_publish=may_publish,
            progress=progress,
            stop=stop,
        )


def until_next(now: float, interval_s: float) -> float:
    """Seconds until the next multiple of the interval (UTC); never zero."""
    return interval_s - now % interval_s


def secret(arn: str, region: str) -> Account:
    """User and password from Secrets Manager, through the machine's role.

    Raises:
        Unauthorized, Unreachable, ConfigurationError: why it cannot be had; never with its content.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    config = Config(
        connect_timeout=10, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4}
    )
    try:
        client = cast("Any", boto3).client("secretsmanager", region_name=region, config=config)
        text = str(client.get_secret_value(SecretId=arn)["SecretString"])
    except (ClientError, NoCredentialsError) as problem:
        response: dict[str, Any] = getattr(problem, "response", {})
        code = response.get("Error", {}).get("Code", type(problem).__name__)
        raise Unauthorized(
            f"the secret cannot be read ({code})",
            where=arn,
            next_step="Check the secret's name and the role of this host.",
        ) from None
    except BotoCoreError as problem:
        raise Unreachable(f"Secrets Manager does not answer ({type(problem).__name__})", where=arn) from None
    try:
        parsed: object = json.loads(text)
        fields = cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}
        user, password = str(fields["username"]), str(fields["password"])
    except (ValueError, KeyError):
        raise ConfigurationError("is not {username, password}", where=arn) from None
    log.hide(password)
    return Account(user, SecretStr(password))


def hide_environment() -> None:
    """Secrets that came by environment must not show in a log."""
    names = (
        "PLANB_DB_PASSWORD",
        "PLANB_APP_PASSWORD",
        "AZURE_STORAGE_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
    )
    log.hide(*(os.environ[name] for name in names if name in os.environ))
