"""azure-native:monitor and azure-native:operationalinsights: log workspaces, diagnostic settings, alarms, who is told.

Nothing is evaluated: what a query would find, simcloud does not know.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from simcloud.azure import ids
from simcloud.azure.base import ArmKind, find_id, record, records, timestamp
from simcloud.azure.errors import REGIONS, ArmError, already_exists, resource_not_found
from simcloud.kinds import Context, Properties, Resource, kind

WORKSPACE = "azure-native:operationalinsights:Workspace"
ACTION_GROUP = "azure-native:monitor:ActionGroup"
DIAGNOSTICS = "azure-native:monitor:DiagnosticSetting"

# https://learn.microsoft.com/azure/storage/blobs/monitor-blob-storage-reference#resource-logs and the others' pages
CATEGORIES = {
    "Microsoft.Storage/storageAccounts/blobServices": {"StorageRead", "StorageWrite", "StorageDelete"},
    "Microsoft.DBforMySQL/flexibleServers": {"MySqlSlowLogs", "MySqlAuditLogs"},
    "Microsoft.Network/applicationGateways": {
        "ApplicationGatewayAccessLog",
        "ApplicationGatewayPerformanceLog",
        "ApplicationGatewayFirewallLog",
    },
    "Microsoft.ContainerService/managedClusters": {
        "kube-apiserver",
        "kube-audit",
        "kube-audit-admin",
        "kube-controller-manager",
        "kube-scheduler",
        "cluster-autoscaler",
        "cloud-controller-manager",
        "guard",
    },
}
METRICS = {"AllMetrics", "Transaction", "Capacity"}
MOST_SETTINGS = 5
"""Of one resource: https://learn.microsoft.com/azure/azure-monitor/essentials/diagnostic-settings"""

# https://learn.microsoft.com/rest/api/monitor/scheduled-query-rules
FREQUENCIES = (
    "PT1M",
    "PT5M",
    "PT10M",
    "PT15M",
    "PT30M",
    "PT45M",
    "PT1H",
    "PT2H",
    "PT3H",
    "PT4H",
    "PT5H",
    "PT6H",
    "P1D",
)
WINDOWS = (*FREQUENCIES, "P2D")


def seconds(duration: object) -> int:
    """Of an ISO 8601 duration of one unit."""
    match = re.fullmatch(r"P(?:T(\d+)([HM])|(\d+)D)", str(duration))
    if not match:
        return 0
    if match[3]:
        return int(match[3]) * 86_400
    return int(match[1]) * {"H": 3600, "M": 60}[match[2]]


def named(arm_id: str) -> ArmError:
    """The refusal of a reference to nothing."""
    parsed = ids.parse(arm_id)
    if not parsed:
        return ArmError(
            "LinkedInvalidPropertyId", f"Property id '{arm_id}' at path '' is invalid."
        )  # [closest]
    return resource_not_found(parsed.arm_type, "/".join(parsed.names), parsed.group)


@kind
class Workspace(ArmKind):
    type = WORKSPACE
    arm_type = "Microsoft.OperationalInsights/workspaces"
    api_version = "2023-09-01"
    path = ("workspaceName",)
    latency = "log_workspace"
    shows = frozenset({"provisioningState", "etag", "systemData"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        days = inputs.get("retentionInDays")
        sku = str(record(inputs.get("sku")).get("name") or "PerGB2018")
        low, high = (7, 7) if sku == "Free" else (30, 730)
        if days is not None and not low <= int(days) <= high:
            # hashicorp/terraform-provider-azurerm#4483 (the text)
            raise ArmError("InvalidParameter", "'RetentionInDays' property doesn't match the SKU limits.")
        quota = record(inputs.get("workspaceCapping")).get("dailyQuotaGb")
        if quota is not None and quota != -1 and float(quota) < 0.023:
            # daily-cap.md: the smallest cap is 0.023 GB [closest]
            raise ArmError("InvalidParameter", "'DailyQuotaGb' must be -1 or at least 0.023.")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        made = timestamp(res.created_at)
        return {
            "customerId": ids.guid(res.id, "customer"),
            "createdDate": made,
            "modifiedDate": made,
            "publicNetworkAccessForIngestion": res.inputs.get("publicNetworkAccessForIngestion") or "Enabled",
            "publicNetworkAccessForQuery": res.inputs.get("publicNetworkAccessForQuery") or "Enabled",
        }


@kind
class DiagnosticSetting(ArmKind):
    """Hangs on a resource instead of a group."""

    type = DIAGNOSTICS
    arm_type = "Microsoft.Insights/diagnosticSettings"
    api_version = "2021-05-01-preview"
    path = ("resourceUri", "name")
    grouped = False
    located = False
    shows = frozenset({"systemData"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        owner = str(inputs["resourceUri"]).rstrip("/")
        return f"{owner}/providers/Microsoft.Insights/diagnosticSettings/{self.own_name(inputs, name)}"

    def region_of(self, ctx: Context, inputs: Properties) -> str:
        owner = self._owner(ctx, str(inputs.get("resourceUri")))
        return owner.region if owner else ctx.region

    def _owner(self, ctx: Context, uri: str) -> Resource | None:
        """The resource, or the account of a service that every account has."""
        plain = re.sub(r"/(blob|file|queue|table)Services/default$", "", uri.rstrip("/"))
        return next((r for r in ctx.state.all() if ids.same(r.id, uri) or ids.same(r.id, plain)), None)

    def place(self, ctx: Context, inputs: Properties, arm_id: str) -> None:
        uri = str(inputs["resourceUri"])
        if not self._owner(ctx, uri):
            raise named(uri)
        there = find_id(ctx, self.type, arm_id)
        if there and (there.urn != ctx.urn or there.status == "ready"):
            raise already_exists(arm_id)

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        sinks = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId")
        if not any(inputs.get(sink) for sink in sinks):
            # [recalled]
            raise ArmError("BadRequest", "At least one data sink needs to be specified.")
        workspace = inputs.get("workspaceId")
        if workspace and not find_id(ctx, WORKSPACE, workspace):
            raise named(str(workspace))
        parsed = ids.parse(str(inputs["resourceUri"]))
        known = CATEGORIES.get(parsed.arm_type if parsed else "", set[str]())
        logs, metrics = records(inputs.get("logs")), records(inputs.get("metrics"))
        for log in logs:
            if log.get("category") and log["category"] not in known:
                # hashicorp/terraform#20534
                raise ArmError("BadRequest", f"Category '{log['category']}' is not supported.")
        for metric in metrics:
            if metric.get("category") not in METRICS:
                # MicrosoftDocs/azure-docs#69798
                raise ArmError("BadRequest", f"Metric category '{metric.get('category')}' is not supported")
        if not any(item.get("enabled") for item in (*logs, *metrics)):
            # [closest] diagnostic-settings.md: a setting without a category cannot be saved
            raise ArmError("BadRequest", "At least one log or metric category must be enabled.")
        self.check_others(ctx, inputs, arm_id, logs, old)

    def check_others(
        self, ctx: Context, inputs: Properties, arm_id: str, logs: list[dict[str, Any]], old: Resource | None
    ) -> None:
        others = [
            r
            for r in ctx.find(DIAGNOSTICS)
            if ids.same(r.inputs.get("resourceUri"), inputs["resourceUri"]) and not ids.same(r.id, arm_id)
        ]
        if not old and len(others) >= MOST_SETTINGS:
            # [closest]
            raise ArmError(
                "BadRequest", f"A resource can have at most {MOST_SETTINGS} diagnostic settings.", status=409
            )
        mine = {log.get("category") for log in logs if log.get("enabled")}
        for other in others:
            theirs = {log.get("category") for log in records(other.inputs.get("logs")) if log.get("enabled")}
            if mine & theirs and ids.same(other.inputs.get("workspaceId"), inputs.get("workspaceId")):
                # [recalled]
                raise ArmError(
                    "Conflict",
                    f"Data sink '{inputs.get('workspaceId')}' is already used in diagnostic setting "
                    f"'{other.id.rsplit('/', 1)[-1]}' for category '{min(str(c) for c in mine & theirs)}'. Data sinks "
                    "can't be reused in different settings on the same category for the same resource.",
                    status=409,
                )


@kind
class ActionGroup(ArmKind):
    type = ACTION_GROUP
    arm_type = "Microsoft.Insights/actionGroups"
    api_version = "2024-10-01-preview"
    path = ("actionGroupName",)
    available = ("global", *REGIONS)
    shows = frozenset({"systemData"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        short = str(inputs.get("groupShortName") or "")
        if not 1 <= len(short) <= 12:
            # https://learn.microsoft.com/azure/azure-monitor/alerts/action-groups [closest]
            raise ArmError(
                "InvalidRequestContent", "groupShortName must be between 1 and 12 characters long."
            )
        names: set[str] = set()
        kinds = ("emailReceivers", "smsReceivers", "voiceReceivers", "webhookReceivers", "armRoleReceivers")
        for receiver in (r for one in kinds for r in records(inputs.get(one))):
            name = str(receiver.get("name"))
            if name in names:
                # the SDK's own docstring: names must be unique across all receivers [closest]
                raise ArmError("InvalidRequestContent", f"Receiver name '{name}' is used more than once.")
            names.add(name)
        for mail in records(inputs.get("emailReceivers")):
            if not re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@]+", str(mail.get("emailAddress"))):
                raise ArmError(  # [closest]
                    "InvalidRequestContent",
                    f"The email address of receiver '{mail.get('name')}' is not valid.",
                )
        for hook in records(inputs.get("webhookReceivers")):
            target = urlsplit(str(hook.get("serviceUri")))
            if target.scheme not in ("https", "http") or not target.hostname:
                raise ArmError(  # [closest]
                    "InvalidRequestContent", f"The service URI of receiver '{hook.get('name')}' is not valid."
                )


@kind
class ScheduledQueryRule(ArmKind):
    type = "azure-native:monitor:ScheduledQueryRule"
    arm_type = "Microsoft.Insights/scheduledQueryRules"
    api_version = "2025-01-01-preview"
    path = ("ruleName",)
    forces_new = frozenset({"kind"})
    shows = frozenset({"etag", "systemData"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        for scope in inputs.get("scopes") or [""]:
            if not any(ids.same(r.id, scope) for r in ctx.state.all()):
                raise named(str(scope))
        for group in record(inputs.get("actions")).get("actionGroups") or []:
            if not find_id(ctx, ACTION_GROUP, group):
                raise named(str(group))
        window, frequency = inputs.get("windowSize"), inputs.get("evaluationFrequency")
        for name, value, allowed in (
            ("WindowSize", window, WINDOWS),
            ("EvaluationFrequency", frequency, FREQUENCIES),
        ):
            if value not in allowed:
                raise _wrong(f"{name} '{value}' is not supported; supported are {', '.join(allowed)}")
        if seconds(window) < seconds(frequency):
            raise _wrong("WindowSize must not be smaller than EvaluationFrequency")
        if inputs.get("severity") not in range(5):
            raise _wrong("Severity must be between 0 and 4")
        conditions = records(record(inputs.get("criteria")).get("allOf"))
        if len(conditions) != 1:
            raise _wrong("Criteria must have exactly one condition")
        periods = record(conditions[0].get("failingPeriods"))
        least, number = (
            periods.get(key) or 1 for key in ("minFailingPeriodsToAlert", "numberOfEvaluationPeriods")
        )
        if not 1 <= least <= number <= 6:
            raise _wrong(
                "MinFailingPeriodsToAlert must be between 1 and NumberOfEvaluationPeriods (at most 6)"
            )
        for key in ("query", "timeAggregation", "operator", "threshold"):
            if conditions[0].get(key) is None:
                raise _wrong(f"Condition property {key} is required")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {
            "createdWithApiVersion": self.api_version,
            "isLegacyLogAnalyticsRule": False,
            "isWorkspaceAlertsStorageConfigured": False,
        }


def _wrong(why: str) -> ArmError:
    """Code as the service has it; the reason in words of ours [closest]."""
    return ArmError("BadRequest", f"{why}.")
