"""What keeps and what breaks the rules of policy/rules/data.py."""

from __future__ import annotations

from policy.model import UNKNOWN
from tests.unit.policy.examples.parts import (
    ACCOUNT,
    BLOBS,
    CLUSTER,
    CONTAINER,
    EKS,
    INSTANCE,
    RDS,
    Examples,
    changed,
    of,
    one,
)

DATA: dict[str, Examples] = {
    "no-public-blobs": Examples(
        good=[one(ACCOUNT, **BLOBS), one(CONTAINER, publicAccess="None"), one(CONTAINER, containerName="c")],
        bad=[
            *changed(BLOBS, ACCOUNT, {"allowBlobPublicAccess": True}, {"allowBlobPublicAccess": None}),
            one(CONTAINER, publicAccess="Blob"),
            one(CONTAINER, publicAccess="Container"),
        ],
    ),
    "data-is-protected": Examples(
        good=[
            one(INSTANCE, **RDS),
            one(ACCOUNT, **BLOBS),
            one("aws:kms/key:Key", deletionWindowInDays=30),
            one("aws:kms/key:Key", description="AWS's default is 30"),
            one("aws:secretsmanager/secret:Secret", recoveryWindowInDays=30),
        ],
        bad=[
            *changed(
                RDS, INSTANCE, {"deletionProtection": False}, {"skipFinalSnapshot": True}, {"_protect": False}
            ),
            *changed(BLOBS, ACCOUNT, {"_protect": False}),
            one(CONTAINER, containerName="mysql-backups"),
            one("aws:kms/key:Key", deletionWindowInDays=7),
            one("aws:secretsmanager/secret:Secret", recoveryWindowInDays=0),
        ],
    ),
    "database-is-backed-up": Examples(
        good=[
            one(INSTANCE, **RDS),
            one(INSTANCE, replicateSourceDb="blue-mysql"),
            one(INSTANCE, **{**RDS, "multiAz": UNKNOWN}),
        ],
        bad=changed(
            RDS, INSTANCE, {"backupRetentionPeriod": 1}, {"backupRetentionPeriod": None}, {"multiAz": False}
        ),
    ),
    "backups-are-versioned": Examples(
        good=[
            [
                of(ACCOUNT, **BLOBS),
                of(
                    "azure-native:storage:BlobServiceProperties",
                    isVersioningEnabled=True,
                    deleteRetentionPolicy={"enabled": True, "days": 7},
                    containerDeleteRetentionPolicy={"enabled": True, "days": 7},
                ),
            ]
        ],
        bad=[
            one(ACCOUNT, **BLOBS),
            [
                of(ACCOUNT, **BLOBS),
                of(
                    "azure-native:storage:BlobServiceProperties",
                    isVersioningEnabled=False,
                    deleteRetentionPolicy={"enabled": True},
                    containerDeleteRetentionPolicy={"enabled": True},
                ),
            ],
        ],
    ),
    "logs-end": Examples(
        good=[one("aws:cloudwatch/logGroup:LogGroup", retentionInDays=90)],
        bad=[
            one("aws:cloudwatch/logGroup:LogGroup", name="x"),
            one("aws:cloudwatch/logGroup:LogGroup", retentionInDays=0),
        ],
    ),
    "control-plane-is-audited": Examples(
        good=[one(EKS, **CLUSTER), one(INSTANCE, **RDS), one(EKS, enabledClusterLogTypes=UNKNOWN)],
        bad=[
            one(EKS, enabledClusterLogTypes=["api"]),
            one(EKS, version="1.35"),
            *changed(RDS, INSTANCE, {"enabledCloudwatchLogsExports": ["error"]}),
        ],
    ),
}
