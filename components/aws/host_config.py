"""What a host is told at its first boot: units, the agent's configuration, how to get the agent. Only text.

Sizes: EC2 takes 16 KB of user data. Checked by the real programs in tests/unit/components/test_host_config.py
(cloud-init's schema, `systemd-analyze verify`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

CONFIG = "/etc/planb/agent.json"
AGENT = "/usr/local/bin/planb-agent"
LOGS = "/var/log/planb"
INSTALLER = "/usr/local/sbin/planb-install"
CA_BUNDLE = "/etc/planb/rds-ca.pem"
PACKAGES = ["python3.11", "amazon-cloudwatch-agent", "logrotate"]

# A unit of ours may read the system and write its log; the log file is opened by systemd, not by the unit.
HARDENED = f"""NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
LockPersonality=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077
MemoryMax=1G
TasksMax=128
StandardOutput=append:{LOGS}/agent.log
StandardError=append:{LOGS}/agent.log
"""
# Every byte of the agent is checked before any of it runs; its own installer (restore/install.sh) does the rest. What
# the host needs from outside: the artefact (S3), Amazon Linux's packages, MySQL's client (by key, version), RDS's CA.
INSTALL = f"""#!/bin/sh
set -eu
. /etc/planb/artefact
here=/opt/planb
mkdir -p "$here" {LOGS}
chmod 0750 {LOGS}
aws s3api get-object --region "$REGION" --bucket "$BUCKET" --key "$KEY" \\
  --expected-bucket-owner "$OWNER" "$here/agent.zip" > /dev/null
echo "$SHA256  $here/agent.zip" | sha256sum --check --status || {{
  echo "planb: s3://$BUCKET/$KEY is not the artefact of this launch template (sha256 $SHA256): not installed" >&2
  exit 1
}}
curl --silent --show-error --fail --proto =https --tlsv1.2 --retry 5 --output {CA_BUNDLE} \\
  "https://truststore.pki.rds.amazonaws.com/$REGION/$REGION-bundle.pem"
rm -rf "$here/app"
python3.11 -m zipfile -e "$here/agent.zip" "$here/app"
sh "$here/app/install.sh"
"""
ROTATE = f"""{LOGS}/*.log {{
  daily
  rotate 7
  maxsize 50M
  compress
  missingok
  notifempty
  copytruncate
}}
"""


@dataclass(frozen=True)
class Unit:
    """A service that runs once when it is started, and what starts it: every `every_s`, or at boot."""

    name: str
    description: str
    verb: str
    root: bool = False
    """True for a verb that takes the host's lock; others run as a user that exists only as long as they do."""
    first_s: int = 10
    every_s: int | None = None
    retried: bool = False
    longest_s: int = 1800

    @property
    def enabled(self) -> str:
        return f"{self.name}.timer" if self.every_s else f"{self.name}.service"

    def files(self) -> dict[str, str]:
        """Unit files by name."""
        service = f"""[Unit]
Description={self.description}
After=network-online.target
Wants=network-online.target
ConditionPathExists={AGENT}

[Service]
Type=oneshot
ExecStart={AGENT} {self.verb} --config {CONFIG}
TimeoutStartSec={self.longest_s}
"""
        # Exit code 3 is "nothing to do here", for instance because the other site is active.
        service += "Restart=on-failure\nRestartSec=15\n" if self.retried else "SuccessExitStatus=3\n"
        service += (
            "RuntimeDirectory=planb\nRuntimeDirectoryPreserve=yes\n" if self.root else "DynamicUser=yes\n"
        )
        service += HARDENED
        if not self.every_s:
            return {f"{self.name}.service": service + "\n[Install]\nWantedBy=multi-user.target\n"}
        timer = f"""[Unit]
Description={self.description}, every {self.every_s} s

[Timer]
OnActiveSec={self.first_s}
OnUnitActiveSec={self.every_s}
AccuracySec=1s

[Install]
WantedBy=timers.target
"""
        return {f"{self.name}.service": service, f"{self.name}.timer": timer}


@dataclass(frozen=True)
class Artefact:
    """What to install: an object, its hash, whose bucket it is."""

    bucket: str
    key: str
    sha256: str
    owner: str
    region: str


@dataclass(frozen=True)
class HostConfig:
    """`agent` is agent.json, `log_group` where its log goes."""

    agent: dict[str, object]
    artefact: Artefact
    units: tuple[Unit, ...]
    log_group: str


def backup_units(interval_s: int) -> tuple[Unit, ...]:
    """The backup host: the seed's cron job as a timer, with the same interval."""
    return (Unit("planb-backup", "PlanB: one backup to the standby's cloud", "run", every_s=interval_s),)


def admin_units() -> tuple[Unit, ...]:
    """The administration host: sets the accounts up, and goes when nobody has needed it for two hours."""
    return (
        Unit("planb-bootstrap", "PlanB: database accounts and binlog retention", "bootstrap", retried=True),
        Unit(
            "planb-retire",
            "PlanB: take this host away unless it is busy",
            "retire",
            root=True,
            first_s=7200,
            every_s=900,
        ),
    )


def cloudwatch(log_group: str) -> str:
    """Configuration of the CloudWatch agent: two logs; the figures are the agent's own (namespace PlanB)."""
    files = [
        {"file_path": path, "log_group_name": log_group, "log_stream_name": f"{{instance_id}}/{stream}"}
        for path, stream in ((f"{LOGS}/agent.log", "agent"), ("/var/log/cloud-init-output.log", "boot"))
    ]
    return json.dumps({"logs": {"logs_collected": {"files": {"collect_list": files}}}})


def user_data(host: HostConfig) -> str:
    """cloud-config; JSON is YAML, so there is no quoting to get wrong."""
    source = host.artefact
    artefact = {
        "BUCKET": source.bucket,
        "KEY": source.key,
        "SHA256": source.sha256,
        "OWNER": source.owner,
        "REGION": source.region,
    }
    texts = {
        CONFIG: json.dumps(host.agent),
        "/etc/planb/artefact": "".join(f"{name}='{value}'\n" for name, value in artefact.items()),
        "/etc/planb/cloudwatch.json": cloudwatch(host.log_group),
        "/etc/logrotate.d/planb": ROTATE,
        **{f"/etc/systemd/system/{name}": text for unit in host.units for name, text in unit.files().items()},
    }
    files: list[dict[str, str]] = [
        {"path": path, "permissions": "0644", "content": text} for path, text in texts.items()
    ]
    files.append({"path": INSTALLER, "permissions": "0755", "content": INSTALL})
    control = "/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl"
    run: list[list[str]] = [
        # First, so that a failed installation can be read where the alarms' readers look.
        [control, "-a", "fetch-config", "-m", "ec2", "-s", "-c", "file:/etc/planb/cloudwatch.json"],
        # Off after five failures: a host that is off is replaced, one that lacks its agent would look healthy for ever.
        ["sh", "-c", f"for try in 1 2 3 4 5; do {INSTALLER} && exit 0; sleep 60; done; systemctl poweroff"],
        ["systemctl", "daemon-reload"],
        *(["systemctl", "enable", "--now", unit.enabled] for unit in host.units),
    ]
    config = {"packages": PACKAGES, "write_files": files, "runcmd": run}
    return "#cloud-config\n" + json.dumps(config, indent=1) + "\n"
