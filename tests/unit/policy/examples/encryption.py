"""What keeps and what breaks the rules of policy/rules/encryption.py."""

from __future__ import annotations

from policy.model import UNKNOWN
from tests.unit.policy.examples.parts import (
    ACCOUNT,
    BEHAVIOUR,
    BLOBS,
    BLOCK,
    BUCKET,
    CLUSTER,
    DISTRIBUTION,
    EDGE,
    EKS,
    FORBIDDEN,
    GATEWAY,
    GATEWAY_OK,
    GATEWAY_PLAIN,
    HTTPS,
    INSTANCE,
    LISTENER,
    LOGS,
    ORIGIN,
    PLAIN_ORIGIN,
    RDS,
    REDIRECT,
    SSE,
    TEMPLATE,
    TEMPLATE_OK,
    TLS_ONLY,
    Examples,
    allow,
    changed,
    of,
    one,
    policy,
)

ENCRYPTION: dict[str, Examples] = {
    "encrypted-at-rest": Examples(
        good=[
            one(INSTANCE, **RDS),
            one(TEMPLATE, **TEMPLATE_OK),
            one(TEMPLATE, blockDeviceMappings=UNKNOWN),
            one(EKS, **CLUSTER),
            one("aws:sns/topic:Topic", kmsMasterKeyId="k"),
            one("aws:sns/topic:Topic", kmsMasterKeyId=UNKNOWN),
            one("aws:sqs/queue:Queue", sqsManagedSseEnabled=True),
            one("aws:sqs/queue:Queue", kmsMasterKeyId="k"),
            one("aws:cloudwatch/logGroup:LogGroup", kmsKeyId="k"),
            one("aws:secretsmanager/secret:Secret", kmsKeyId="k"),
            one("aws:kms/key:Key", enableKeyRotation=True),
            one(ACCOUNT, **BLOBS),
        ],
        bad=[
            *changed(RDS, INSTANCE, {"storageEncrypted": False}, {"storageEncrypted": None}),
            one(TEMPLATE, imageId="ami-1"),
            one(TEMPLATE, blockDeviceMappings=[{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 30}}]),
            one(TEMPLATE, blockDeviceMappings=[{"deviceName": "/dev/xvda", "ebs": {"encrypted": "false"}}]),
            one(EKS, version="1.35"),
            one("aws:sns/topic:Topic", name="alarms"),
            one("aws:sqs/queue:Queue", name="dead", sqsManagedSseEnabled=False),
            one("aws:cloudwatch/logGroup:LogGroup", retentionInDays=30),
            one("aws:secretsmanager/secret:Secret", name="s"),
            one("aws:kms/key:Key", description="k"),
            one("aws:ebs/volume:Volume", size=10),
            *changed(BLOBS, ACCOUNT, {"enableHttpsTrafficOnly": False}),
        ],
    ),
    "buckets-are-private-and-encrypted": Examples(
        good=[
            [LOGS, BLOCK, SSE, TLS_ONLY],
            [
                of(BUCKET, bucket=UNKNOWN, id=UNKNOWN),
                of(BLOCK.type, **{**BLOCK.props, "bucket": UNKNOWN}),
                of(SSE.type, **{**SSE.props, "bucket": UNKNOWN}),
                of(TLS_ONLY.type, bucket=UNKNOWN, policy=UNKNOWN),
            ],
        ],
        bad=[
            [LOGS],
            [LOGS, SSE, TLS_ONLY],
            [LOGS, of(BLOCK.type, **{**BLOCK.props, "restrictPublicBuckets": False}), SSE, TLS_ONLY],
            [LOGS, of(BLOCK.type, **{**BLOCK.props, "bucket": "other"}), SSE, TLS_ONLY],
            [LOGS, BLOCK, TLS_ONLY],
            [LOGS, BLOCK, SSE],
            [LOGS, BLOCK, SSE, of(TLS_ONLY.type, bucket="blue-logs", policy=policy(allow("s3:GetObject")))],
        ],
    ),
    "database-takes-tls-only": Examples(
        good=[
            one(
                "aws:rds/parameterGroup:ParameterGroup",
                family="mysql8.4",
                parameters=[{"name": "require_secure_transport", "value": "1"}],
            ),
            one("aws:rds/parameterGroup:ParameterGroup", family="postgres16", parameters=[]),
            one("aws:rds/parameterGroup:ParameterGroup", family="mysql8.4", parameters=UNKNOWN),
            one(INSTANCE, **RDS),
            one(
                "azure-native:dbformysql:Configuration",
                configurationName="require_secure_transport",
                value="ON",
            ),
            one("azure-native:dbformysql:Configuration", configurationName="sql_mode", value="OFF"),
        ],
        bad=[
            one("aws:rds/parameterGroup:ParameterGroup", family="mysql8.4", parameters=[]),
            one(
                "aws:rds/parameterGroup:ParameterGroup",
                family="mysql8.4",
                parameters=[{"name": "require_secure_transport", "value": "0"}],
            ),
            *changed(RDS, INSTANCE, {"parameterGroupName": None}, {"parameterGroupName": "default.mysql8.4"}),
            one(
                "azure-native:dbformysql:Configuration",
                configurationName="require_secure_transport",
                value="OFF",
            ),
        ],
    ),
    "plain-http-only-redirects": Examples(
        good=[
            [HTTPS, of(LISTENER, protocol="HTTP", port=80, defaultActions=[REDIRECT])],
            one(
                LISTENER, protocol="HTTP", port=80, defaultActions=[FORBIDDEN]
            ),  # no certificate: advice only
            one(DISTRIBUTION, **EDGE),
            one(DISTRIBUTION, origins=[PLAIN_ORIGIN], defaultCacheBehavior=BEHAVIOUR),
            one(GATEWAY, **GATEWAY_OK),
            one(GATEWAY, **GATEWAY_PLAIN),
        ],
        bad=[
            [HTTPS, of(LISTENER, protocol="HTTP", port=80, defaultActions=[FORBIDDEN])],
            [
                of(DISTRIBUTION, **EDGE),
                of(LISTENER, protocol="HTTP", port=80, defaultActions=[{"type": "forward"}]),
            ],
            one(DISTRIBUTION, **{**EDGE, "origins": [PLAIN_ORIGIN]}),
            one(
                DISTRIBUTION,
                origins=[ORIGIN],
                defaultCacheBehavior={**BEHAVIOUR, "viewerProtocolPolicy": "allow-all"},
            ),
            one(GATEWAY, **{**GATEWAY_OK, "requestRoutingRules": GATEWAY_OK["requestRoutingRules"][1:]}),
        ],
    ),
    "plain-hop-without-a-domain": Examples(
        good=[
            [HTTPS, of(LISTENER, protocol="HTTP", port=80, defaultActions=[REDIRECT])],
            one(GATEWAY, **GATEWAY_OK),
            one(DISTRIBUTION, origins=[ORIGIN], defaultCacheBehavior=BEHAVIOUR),
        ],
        bad=[
            one(LISTENER, protocol="HTTP", port=80, defaultActions=[FORBIDDEN]),
            one(DISTRIBUTION, origins=[PLAIN_ORIGIN], defaultCacheBehavior=BEHAVIOUR),
            one(GATEWAY, **GATEWAY_PLAIN),
        ],
    ),
    "tls-is-new-enough": Examples(
        good=[
            [HTTPS],
            one(GATEWAY, **GATEWAY_OK),
            one(DISTRIBUTION, **EDGE),
            one(DISTRIBUTION, origins=[ORIGIN], viewerCertificate={"cloudfrontDefaultCertificate": True}),
            one(ACCOUNT, **BLOBS),
        ],
        bad=[
            one(LISTENER, protocol="HTTPS", port=443, defaultActions=[FORBIDDEN]),
            one(
                LISTENER, protocol="HTTPS", sslPolicy="ELBSecurityPolicy-2016-08", defaultActions=[FORBIDDEN]
            ),
            one(GATEWAY, sku={"name": "Standard_v2"}),
            one(GATEWAY, sslPolicy={"policyType": "Predefined", "policyName": "AppGwSslPolicy20170401"}),
            one(
                DISTRIBUTION,
                **{
                    **EDGE,
                    "viewerCertificate": {"acmCertificateArn": "a", "minimumProtocolVersion": "TLSv1"},
                },
            ),
            one(
                DISTRIBUTION,
                origins=[{**ORIGIN, "customOriginConfig": {"originSslProtocols": ["TLSv1", "TLSv1.2"]}}],
                viewerCertificate={"cloudfrontDefaultCertificate": True},
            ),
            *changed(BLOBS, ACCOUNT, {"minimumTlsVersion": "TLS1_0"}, {"minimumTlsVersion": None}),
        ],
    ),
}
