"""The hosts' work: bootstrap, one backup under a lease, and what the timer starts at every interval."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from restore import aws, catalog, dump, fencing, log, users
from restore.errors import DataPlaneError, LeaseHeld, Refused
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
BACKUP_AGE = "BackupAgeSeconds"


@dataclass(frozen=True, slots=True)
class Host:
    """What the backup host works with. Secrets are fetched when needed: they may rotate."""

    config: AgentConfig
    container: Container
    stop: threading.Event

    def admin(self) -> Database:
        return self._database(self._account("master"))

    def backup_user(self) -> Database:
        return self._database(self._account("backup"))

    def app(self) -> Account:
        return self._account("app")

    def bootstrap(self) -> list[str]:
        """Database, users, grants and binlog retention; see `users.bootstrap`."""
        with Session(self.admin(), schema=False) as session:
            return users.bootstrap(
                session,
                self.config.database.name,
                app=self.app(),
                backup=self._account("backup"),
                replication=self._account("replication"),
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

    def run(self) -> Manifest | None:
        """What the timer starts: one backup, then its age to CloudWatch, also when the backup failed.

        None when there was nothing to do here: another site is active, or somebody else takes a backup just now.
        """
        try:
            self._check_retention()
            return self.backup()
        except (LeaseHeld, Refused) as problem:
            log.get().warning("backup skipped", **problem.as_fields())
            return None
        finally:
            self._publish_age()

    def _check_retention(self) -> None:
        """Without it RDS purges binary logs within minutes; only the administrator can set it, so this only tells."""
        try:
            with Session(self.backup_user(), schema=False) as session:
                problem = users.retention_problem(session, self.config.binlog_retention_hours)
        except DataPlaneError as unknown:
            log.get().warning("binlog retention not checked", **unknown.as_fields())
            return
        if problem:
            log.get().error(
                "binlog retention is wrong",
                what=problem,
                meaning="Binary logs may be gone before they are stored: no restore to a point in between.",
                next_step="Run planb-agent bootstrap on the administration host.",
            )

    def _publish_age(self) -> None:
        """Seconds since the instant that the newest sound backup shows. Never in the way of a backup: when it cannot be
        said, nothing is published, and the alarm takes silence as a failure."""
        if not self.config.project:
            return
        try:
            newest = catalog.newest_valid(self.container)
            assert newest.server_utc is not None
            age = (datetime.now(UTC) - newest.server_utc).total_seconds()
            aws.put_metrics(self.config.project, self.config.region, {BACKUP_AGE: max(0.0, age)})
        except DataPlaneError as problem:
            log.get().warning("backup age not published", **problem.as_fields())

    def _account(self, kind: str) -> Account:
        arn = str(getattr(self.config, f"{kind}_secret_arn"))
        if not arn:
            raise Refused(
                f"this host has no access to the {kind} account",
                where="agent.json",
                meaning="The backup host's role reads the secrets of the backup and replication users, and no other.",
                next_step="Run this on the administration host (docs/adr/0017).",
            )
        return aws.secret(arn, self.config.region)

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


def hide_environment() -> None:
    """Secrets that came by environment must not show in a log."""
    log.hide(*(os.environ[name] for name in SECRET_VARIABLES if name in os.environ))
