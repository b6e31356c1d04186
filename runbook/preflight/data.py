"""The data: can storage be used, is there a backup to restore, and will Azure's MySQL take it."""

from __future__ import annotations

from runbook import backups
from runbook.errors import PlanBError, Refused
from runbook.failures import translating
from runbook.preflight.look import Look
from runbook.preflight.model import Finding, NotAsked, ok, unasked

PROBE = "journal/preflight"
"""An empty blob beside the journals: that it can be made shows that a journal can."""
MYSQL = "azure-native:dbformysql:Server"
# https://learn.microsoft.com/azure/mysql/flexible-server/concepts-server-parameters: defaults of a new server
DEFAULT_PACKET = 64 * 2**20


def storage(look: Look) -> list[Finding]:
    """Reading and writing, with the identity that a failover would have."""
    store = look.store()
    try:
        with translating():
            store.list("journal/")
            store.ensure(PROBE)
    except NotAsked:
        raise
    except PlanBError as error:
        return [
            Finding(
                "blocker",
                f"the backup container: {error.what}",
                "a failover keeps its journal there and restores from it",
                error.next_step or "give this identity Storage Blob Data Contributor on the container",
            )
        ]
    return [ok(f"the backup container can be read and written ({store})")]


def newest(look: Look, *, read_all: bool) -> list[Finding]:
    """The newest whole backup, its age, and what is wrong with newer ones. `read_all` checks every byte of it."""
    from restore import catalog

    store, interval = look.store(), int(look.prod().get("backupInterval") or 300)
    found: list[Finding] = []
    try:
        if read_all:
            choice = backups.choose(store)
            name, manifest = choice.name, choice.manifest
            skipped = list(choice.skipped)
        else:
            with translating():
                listed = catalog.list_backups(store)
            good = next((b for b in listed if b.state == "valid" and b.manifest), None)
            if good is None or good.manifest is None:
                raise Refused("no backup can be restored")
            name, manifest = good.name, good.manifest
            skipped = [(b.name, b.reason) for b in listed[: listed.index(good)]]
    except Refused as error:
        return [
            Finding(
                "blocker",
                error.what,
                "there is nothing to restore: a failover would bring an empty bank",
                "planb backup list; then planb backup run",
            )
        ]
    found += [
        Finding(
            "warning",
            f"{other} cannot be used: {why}",
            "what it holds and older ones lack would be lost",
            "planb backup list",
        )
        for other, why in skipped
    ]
    age, read = backups.age_s(manifest), "every byte read" if read_all else "its data not read"
    text = f"{name} is {age:.0f} s old, {manifest.rows:,} rows, {read}"
    if age > 2 * interval + 60:
        found.append(
            Finding(
                "warning",
                text,
                f"one is due every {interval} s: a failover now would lose what was written since",
                "planb status; then planb backup run",
            )
        )
    else:
        found.append(ok(text))
    return found


def portable(look: Look) -> list[Finding]:
    """Whether the newest backup fits the server that a failover would make (F19)."""
    from restore import catalog

    store = look.store()
    with translating():
        backup = next((b for b in catalog.list_backups(store) if b.state == "valid" and b.manifest), None)
    if backup is None or backup.manifest is None:
        return [unasked("there is no backup to compare with", "planb backup run")]
    manifest, source = backup.manifest, backup.manifest.source
    target = target_version(look)
    wanted = settings_of_target(look)
    found: list[Finding] = []
    asked_for = configured_version(look)
    if asked_for and _line(asked_for) != _line(source.version):
        # The embedded clouds run one server under every version's name.
        found.append(
            unasked(
                f"the backup comes from MySQL {source.version}, though RDS is asked for {asked_for}",
                "whether it loads into the standby's shows at a restore: planb restore",
            )
        )
    elif target and _line(target) < _line(source.version):
        found.append(
            Finding(
                "blocker",
                f"the backup comes from MySQL {source.version}, the standby would run {target}",
                "MySQL does not load a dump of a newer release",
                "pulumi config set planb:mysqlVersion … -s dr",
            )
        )
    packet = int(wanted.get("max_allowed_packet") or DEFAULT_PACKET)
    if manifest.data.longest_line >= packet:
        found.append(
            Finding(
                "blocker",
                f"its longest statement has {manifest.data.longest_line:,} bytes, the standby takes {packet:,}",
                "the restore would be refused",
                "raise max_allowed_packet in components/azure/database.py",
            )
        )
    folded: dict[str, str] = {}
    # Azure's default, which can be set only when a server is made (concepts-server-parameters).
    if wanted.get("lower_case_table_names", "1") != "0":
        for table in sorted(manifest.tables):
            other = folded.setdefault(table.lower(), table)
            if other != table:
                found.append(
                    Finding(
                        "blocker",
                        f"tables {other} and {table} differ by case only",
                        "Azure's MySQL takes them for one, and the restore would be refused",
                        "rename one of them on AWS",
                    )
                )
    if wanted.get("sql_generate_invisible_primary_key", "ON").upper() == "ON":
        found.append(
            Finding(
                "warning",
                "the standby would add invisible primary keys",
                "row events of tables without a primary key could not be replayed",
                "set sql_generate_invisible_primary_key OFF in components/azure/database.py",
            )
        )
    if manifest.consistency == "approximate":
        found.append(
            Finding(
                "warning",
                "the backup was taken without a lock and while the binary log moved",
                "its row counts may differ from its data by the writes of that moment",
                "grant the backup's account LOCK TABLES (components/aws/database.py)",
            )
        )
    found += [
        Finding("warning", note, "said by the dump itself", "planb backup list") for note in manifest.notes
    ]
    return found or [
        ok(
            f"the backup of MySQL {source.version} fits the standby's ({target}), {len(manifest.tables)} tables"
        )
    ]


def configured_version(look: Look) -> str:
    """The version that AWS's database is asked to be."""
    return next((str(i.get("engineVersion") or "") for i in look.aws("aws:rds/instance:Instance")), "")


def target_version(look: Look) -> str:
    """The version of the server that a failover would have."""
    servers = look.plan().of(MYSQL)
    return str(servers[0].inputs.get("version") or "") if servers else ""


def settings_of_target(look: Look) -> dict[str, str]:
    """Server parameters that the program sets."""
    planned = look.plan().of("azure-native:dbformysql:Configuration")
    return {str(p.inputs.get("configurationName")): str(p.inputs.get("value")) for p in planned}


def _line(version: str) -> tuple[int, int]:
    """8.0.21, Azure's name for 8.0, and 8.0.39 are of one line."""
    parts = [int(part) for part in version.split("-")[0].split(".")[:2] if part.isdigit()]
    return (parts[0], parts[1]) if len(parts) == 2 else (0, 0)
