"""The alarm when nothing new arrives from AWS, in Azure itself: it goes off with all of AWS gone (docs/adr/0023)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi
from pulumi_azure_native import monitor, operationalinsights

from components.naming import child

LOOK_S = 300
LOG_DAYS = 30  # no charge up to 31
FOLDERS = ("backups", "binlog")
WINDOWS = {3600: "PT1H", 21_600: "PT6H", 86_400: "P1D", 172_800: "P2D"}
"""How far the question may look back: https://learn.microsoft.com/rest/api/monitor/scheduled-query-rules"""


@dataclass(frozen=True, kw_only=True)
class BackupWatchArgs:
    """`silence_s` is how long nothing new may arrive; `email` and `webhook` are who is told (None: nobody)."""

    project: str
    resource_group: pulumi.Input[str]
    location: str
    account_id: pulumi.Input[str]
    account: str
    container: str
    silence_s: int
    email: str | None
    webhook: pulumi.Input[str] | None
    tags: dict[str, str] = field(default_factory=dict[str, str])


class BackupWatch(pulumi.ComponentResource):
    """What is written to storage and what is deleted there as logs, and a question to them every five minutes."""

    def __init__(self, name: str, args: BackupWatchArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:azure:BackupWatch", name, None, opts)
        workspace = operationalinsights.Workspace(
            f"{name}-logs",
            workspace_name=f"log-{args.project}",
            resource_group_name=args.resource_group,
            location=args.location,
            sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"),
            retention_in_days=LOG_DAYS,
            # A runaway client must not cost more than the standby: six times what a segment every five seconds makes.
            # Past it nothing is logged any more, which the alarm below tells.
            workspace_capping=operationalinsights.WorkspaceCappingArgs(daily_quota_gb=0.25),
            tags=args.tags,
            opts=child(self),
        )
        monitor.DiagnosticSetting(
            f"{name}-storage",
            name="blobs",
            resource_uri=pulumi.Output.concat(args.account_id, "/blobServices/default"),
            workspace_id=workspace.id,
            logs=[
                monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True)
                for category in ("StorageWrite", "StorageDelete")
            ],
            opts=child(self),
        )
        told = self._receivers(name, args)
        rule = monitor.ScheduledQueryRule(
            f"{name}-silence",
            rule_name=f"backup-missing-{args.project}",
            resource_group_name=args.resource_group,
            location=args.location,
            kind="LogAlert",
            display_name="No new backup from AWS",
            description=f"Nothing new has arrived from AWS for {args.silence_s // 60} minutes: planb status",
            severity=1,
            enabled=True,
            auto_mitigate=True,
            scopes=[workspace.id],
            evaluation_frequency=_minutes(LOOK_S),
            window_size=next(text for length, text in WINDOWS.items() if length > args.silence_s),
            # The table is there once something was logged.
            skip_query_validation=True,
            criteria=monitor.ScheduledQueryRuleCriteriaArgs(
                all_of=[
                    monitor.ConditionArgs(
                        query=silence(args.account, args.container, args.silence_s),
                        time_aggregation="Count",
                        operator="GreaterThan",
                        threshold=0,
                        failing_periods=monitor.ConditionFailingPeriodsArgs(
                            number_of_evaluation_periods=1, min_failing_periods_to_alert=1
                        ),
                    )
                ]
            ),
            actions=monitor.ActionsArgs(action_groups=[told]) if told else None,
            tags=args.tags,
            opts=child(self),
        )
        self.workspace_id: pulumi.Output[str] = workspace.id
        self.register_outputs({"workspaceId": self.workspace_id, "alarmId": rule.id})

    def _receivers(self, name: str, args: BackupWatchArgs) -> pulumi.Output[str] | None:
        emails = (
            [
                monitor.MicrosoftCommonEmailReceiverArgs(
                    name="on-call", email_address=args.email, use_common_alert_schema=True
                )
            ]
            if args.email
            else []
        )
        hooks = (
            [
                monitor.WebhookReceiverArgs(
                    name="webhook", service_uri=args.webhook, use_common_alert_schema=True
                )
            ]
            if args.webhook
            else []
        )
        if not emails and not hooks:
            return None
        return monitor.ActionGroup(
            f"{name}-told",
            action_group_name=f"ag-{args.project}",
            group_short_name=args.project,
            resource_group_name=args.resource_group,
            location="global",
            enabled=True,
            email_receivers=emails,
            webhook_receivers=hooks,
            tags=args.tags,
            opts=child(self),
        ).id


def silence(account: str, container: str, seconds: int) -> str:
    """A query with one row when the newest backup or binlog segment is too old, or there is none; else with none."""
    new = " or ".join(f"ObjectKey startswith '/{account}/{container}/{folder}/'" for folder in FOLDERS)
    return "\n".join(
        (
            "StorageBlobLogs",
            "| where StatusText == 'Success' and OperationName in ('PutBlob', 'PutBlockList')",
            f"| where {new}",
            "| summarize newest = max(TimeGenerated)",
            f"| where isnull(newest) or newest < ago({seconds}s)",
        )
    )


def _minutes(seconds: int) -> str:
    return f"PT{seconds // 60}M"
