"""Workspaces, diagnostic settings, alarms on logs, action groups."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import LOCATION, RG, TOP, Azure

WORKSPACE, DIAGNOSTICS = "operationalinsights:Workspace", "monitor:DiagnosticSetting"
GROUP, RULE = "monitor:ActionGroup", "monitor:ScheduledQueryRule"
ACCOUNT = f"{TOP}/providers/Microsoft.Storage/storageAccounts/bloberry01"
LOGS = f"{TOP}/providers/Microsoft.OperationalInsights/workspaces/log-blue"


def workspace(**changes: Any) -> dict[str, Any]:
    return {
        "resourceGroupName": RG,
        "workspaceName": "log-blue",
        "location": LOCATION,
        "sku": {"name": "PerGB2018"},
        "retentionInDays": 30,
        **changes,
    }


def setting(**changes: Any) -> dict[str, Any]:
    return {
        "name": "blobs",
        "resourceUri": f"{ACCOUNT}/blobServices/default",
        "workspaceId": LOGS,
        "logs": [{"category": "StorageWrite", "enabled": True}],
        **changes,
    }


def group(**changes: Any) -> dict[str, Any]:
    return {
        "resourceGroupName": RG,
        "actionGroupName": "ag-blue",
        "groupShortName": "blue",
        "location": "global",
        "enabled": True,
        "emailReceivers": [{"name": "on-call", "emailAddress": "oncall@example.com"}],
        **changes,
    }


def rule(**changes: Any) -> dict[str, Any]:
    condition = {
        "query": "StorageBlobLogs",
        "timeAggregation": "Count",
        "operator": "GreaterThan",
        "threshold": 0,
        "failingPeriods": {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1},
    }
    return {
        "resourceGroupName": RG,
        "ruleName": "backup-missing",
        "location": LOCATION,
        "kind": "LogAlert",
        "enabled": True,
        "severity": 1,
        "scopes": [LOGS],
        "evaluationFrequency": "PT5M",
        "windowSize": "PT1H",
        "criteria": {"allOf": [condition | changes.pop("condition", {})]},
        **changes,
    }


@pytest.fixture
def logs(site: Azure) -> Azure:
    mine = {"resourceGroupName": RG, "accountName": "bloberry01", "kind": "StorageV2"}
    site.make("storage:StorageAccount", {**mine, "sku": {"name": "Standard_LRS"}}, "a")
    site.make(WORKSPACE, workspace(), "w")
    return site


@pytest.mark.parametrize(
    ("bad", "code", "text"),
    [
        ({"workspaceName": "log"}, "InvalidResourceName", "'log'"),
        ({"retentionInDays": 29}, "InvalidParameter", "RetentionInDays"),
        ({"retentionInDays": 731}, "InvalidParameter", "RetentionInDays"),
        ({"sku": {"name": "Free"}}, "InvalidParameter", "RetentionInDays"),
        ({"workspaceCapping": {"dailyQuotaGb": 0.01}}, "InvalidParameter", "DailyQuotaGb"),
    ],
)
def test_a_workspace_that_azure_refuses(site: Azure, bad: dict[str, Any], code: str, text: str) -> None:
    site.refuses(code, text, WORKSPACE, workspace(**bad))
    made = site.make(WORKSPACE, workspace(workspaceCapping={"dailyQuotaGb": 0.023}))
    assert made.outputs["customerId"] != made.id


@pytest.mark.parametrize(
    ("bad", "code", "text"),
    [
        (
            {"resourceUri": f"{TOP}/providers/Microsoft.Storage/storageAccounts/none"},
            "ResourceNotFound",
            "none",
        ),
        ({"workspaceId": None}, "BadRequest", "At least one data sink needs to be specified."),
        ({"workspaceId": LOGS + "2"}, "ResourceNotFound", "workspaces/log-blue2"),
        (
            {"logs": [{"category": "Writes", "enabled": True}]},
            "BadRequest",
            "Category 'Writes' is not supported.",
        ),
        ({"logs": [{"category": "StorageWrite", "enabled": False}]}, "BadRequest", "must be enabled"),
        (
            {"metrics": [{"category": "Ingress", "enabled": True}]},
            "BadRequest",
            "Metric category 'Ingress' is not supported",
        ),
    ],
)
def test_a_diagnostic_setting_that_azure_refuses(
    logs: Azure, bad: dict[str, Any], code: str, text: str
) -> None:
    given = {key: value for key, value in setting(**bad).items() if value is not None}
    logs.refuses(code, text, DIAGNOSTICS, given)
    made = logs.make(DIAGNOSTICS, setting())
    assert made.id == f"{ACCOUNT}/blobServices/default/providers/Microsoft.Insights/diagnosticSettings/blobs"
    assert made.region == LOCATION


def test_two_settings_do_not_send_the_same_twice(logs: Azure) -> None:
    logs.make(DIAGNOSTICS, setting())
    text = "Data sinks can't be reused in different settings on the same category for the same resource."
    logs.refuses("Conflict", text, DIAGNOSTICS, setting(name="twin"), "b")
    deletes = [{"category": "StorageDelete", "enabled": True}]
    for number in range(4):
        logs.make(
            DIAGNOSTICS,
            setting(name=f"d{number}", logs=deletes, workspaceId=workspace_of(logs, number)),
            f"d{number}",
        )
    logs.refuses(
        "BadRequest",
        "at most 5",
        DIAGNOSTICS,
        setting(name="d4", logs=deletes, workspaceId=workspace_of(logs, 4)),
        "d4",
    )


def workspace_of(azure: Azure, number: int) -> str:
    name = f"log-{number}-blue"
    return azure.make(WORKSPACE, workspace(workspaceName=name), name).id


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        ({"groupShortName": "thirteen-long"}, "1 and 12"),
        ({"groupShortName": ""}, "1 and 12"),
        ({"emailReceivers": [{"name": "a", "emailAddress": "oncall"}]}, "email address of receiver 'a'"),
        ({"webhookReceivers": [{"name": "w", "serviceUri": "hooks"}]}, "service URI of receiver 'w'"),
        (
            {"webhookReceivers": [{"name": "on-call", "serviceUri": "https://example.com/h"}]},
            "'on-call' is used more than once",
        ),
    ],
)
def test_an_action_group_that_azure_refuses(site: Azure, bad: dict[str, Any], text: str) -> None:
    site.refuses("InvalidRequestContent", text, GROUP, group(**bad))
    site.make(GROUP, group())


@pytest.mark.parametrize(
    ("bad", "code", "text"),
    [
        ({"scopes": [LOGS + "2"]}, "ResourceNotFound", "log-blue2"),
        (
            {"actions": {"actionGroups": [f"{TOP}/providers/Microsoft.Insights/actionGroups/none"]}},
            "ResourceNotFound",
            "actionGroups/none",
        ),
        ({"evaluationFrequency": "PT7M"}, "BadRequest", "EvaluationFrequency 'PT7M' is not supported"),
        ({"windowSize": "P3D"}, "BadRequest", "WindowSize 'P3D' is not supported"),
        ({"windowSize": "PT1M"}, "BadRequest", "must not be smaller"),
        ({"severity": 5}, "BadRequest", "between 0 and 4"),
        ({"criteria": {"allOf": []}}, "BadRequest", "exactly one"),
        ({"condition": {"threshold": None}}, "BadRequest", "threshold is required"),
        (
            {
                "condition": {
                    "failingPeriods": {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 2}
                }
            },
            "BadRequest",
            "MinFailingPeriodsToAlert",
        ),
    ],
)
def test_an_alarm_that_azure_refuses(logs: Azure, bad: dict[str, Any], code: str, text: str) -> None:
    logs.refuses(code, text, RULE, rule(**bad))
    told = logs.make(GROUP, group(), "g")
    logs.make(RULE, rule(actions={"actionGroups": [told.id]}))
