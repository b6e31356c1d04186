"""What the examples are made of: resources that are right, to be changed where a rule is broken."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from policy.model import Resource

Stack = list[Resource]


@dataclass(frozen=True)
class Examples:
    good: list[Stack]
    bad: list[Stack]


def one(type_: str, /, **props: Any) -> Stack:
    return [of(type_, **props)]


def of(type_: str, /, **props: Any) -> Resource:
    options = {
        key: props.pop(f"_{key}") for key in ("protect", "ignore_changes", "provider") if f"_{key}" in props
    }
    return Resource(type=type_, props=props, name=type_.rpartition(":")[2], urn=f"urn:{type_}", **options)


def changed(base: dict[str, Any], type_: str, *changes: dict[str, Any]) -> list[Stack]:
    """One stack a change of a resource that is right otherwise."""
    return [one(type_, **{**base, **change}) for change in changes]


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "arn:aws:s3:::b/*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def inline(*statements: dict[str, Any]) -> Stack:
    return one("aws:iam/rolePolicy:RolePolicy", role="r", policy=policy(*statements))


def trusts(principal: Any, **more: Any) -> Stack:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **more}
    return one("aws:iam/role:Role", assumeRolePolicy=policy(statement))


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


INSTANCE = "aws:rds/instance:Instance"
MYSQL = "azure-native:dbformysql:Server"
ACCOUNT = "azure-native:storage:StorageAccount"
CONTAINER = "azure-native:storage:BlobContainer"
GATEWAY = "azure-native:network:ApplicationGateway"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
LISTENER = "aws:lb/listener:Listener"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
EKS = "aws:eks/cluster:Cluster"
AKS = "azure-native:containerservice:ManagedCluster"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
NSG = "azure-native:network:NetworkSecurityGroup"
STACK = "pulumi:pulumi:Stack"
CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
SUBNET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/snet-db"

RDS: dict[str, Any] = {
    "engine": "mysql",
    "engineVersion": "8.4",
    "instanceClass": "db.t3.medium",
    "storageType": "gp3",
    "allocatedStorage": 20,
    "publiclyAccessible": False,
    "storageEncrypted": True,
    "parameterGroupName": "blue-mysql84",
    "deletionProtection": True,
    "skipFinalSnapshot": False,
    "backupRetentionPeriod": 7,
    "multiAz": True,
    "performanceInsightsEnabled": True,
    "enabledCloudwatchLogsExports": ["error", "slowquery"],
    "_protect": True,
}
AZURE_MYSQL: dict[str, Any] = {
    "sku": {"name": "Standard_B2s", "tier": "Burstable"},
    "highAvailability": {"mode": "Disabled"},
    "network": {"delegatedSubnetResourceId": SUBNET},
}
BLOBS: dict[str, Any] = {
    "allowBlobPublicAccess": False,
    "allowSharedKeyAccess": False,
    "enableHttpsTrafficOnly": True,
    "minimumTlsVersion": "TLS1_2",
    "_protect": True,
}
CLUSTER: dict[str, Any] = {
    "name": "blue-eks",
    "version": "1.35",
    "encryptionConfig": {"provider": {"keyArn": "arn:aws:kms:x"}, "resources": ["secrets"]},
    "enabledClusterLogTypes": ["api", "audit", "authenticator"],
    "vpcConfig": {
        "subnetIds": ["subnet-1"],
        "endpointPublicAccess": True,
        "publicAccessCidrs": ["203.0.113.0/24"],
        "clusterSecurityGroupId": "sg-cluster",
    },
}
TEMPLATE_OK: dict[str, Any] = {
    "id": "lt-1",
    "vpcSecurityGroupIds": ["sg-cluster", "sg-web"],
    "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 2},
    "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"encrypted": "true", "volumeType": "gp3"}}],
}
NODES = of(
    "aws:eks/nodeGroup:NodeGroup", clusterName="blue-eks", launchTemplate={"id": "lt-1", "version": "1"}
)
ORIGIN: dict[str, Any] = {
    "originId": "aws-alb",
    "domainName": "blue-alb-1.ap-northeast-2.elb.amazonaws.com",
    "customHeaders": [{"name": "X-PlanB-Origin-Key", "value": "k"}],
    "customOriginConfig": {"originProtocolPolicy": "https-only", "originSslProtocols": ["TLSv1.2"]},
}
BEHAVIOUR = {
    "targetOriginId": "aws-alb",
    "allowedMethods": ["GET", "HEAD"],
    "viewerProtocolPolicy": "redirect-to-https",
}
EDGE: dict[str, Any] = {
    "aliases": ["bank.example.com"],
    "origins": [ORIGIN],
    "defaultCacheBehavior": BEHAVIOUR,
    "viewerCertificate": {"acmCertificateArn": "arn:aws:acm:x", "minimumProtocolVersion": "TLSv1.2_2021"},
}
PLAIN_ORIGIN = {
    **ORIGIN,
    "customOriginConfig": {"originProtocolPolicy": "http-only", "originSslProtocols": ["TLSv1.2"]},
}
REDIRECT = {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}
FORBIDDEN = {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "403"}}
HTTPS = of(
    LISTENER,
    protocol="HTTPS",
    port=443,
    sslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
    defaultActions=[FORBIDDEN],
)
GATEWAY_OK: dict[str, Any] = {
    "sku": {"name": "Standard_v2", "tier": "Standard_v2"},
    "sslPolicy": {"policyType": "Predefined", "policyName": "AppGwSslPolicy20220101"},
    "autoscaleConfiguration": {"minCapacity": 0, "maxCapacity": 4},
    "httpListeners": [{"name": "https", "protocol": "Https"}, {"name": "http", "protocol": "Http"}],
    "requestRoutingRules": [
        {
            "name": "up",
            "httpListener": {"id": "/x/httpListeners/http"},
            "redirectConfiguration": {"id": "/x/r"},
        },
        {"name": "all", "httpListener": {"id": "/x/httpListeners/https"}},
    ],
}
GATEWAY_PLAIN: dict[str, Any] = {
    "sslPolicy": GATEWAY_OK["sslPolicy"],
    "httpListeners": [{"name": "http", "protocol": "Http"}],
    "requestRoutingRules": [{"name": "all", "httpListener": {"id": "/x/httpListeners/http"}}],
}
TAGS = {"Project": "blue", "Stack": "prod", "ManagedBy": "pulumi"}
AZURE_TAGS = {"project": "blue", "stack": "dr", "managed-by": "pulumi"}
BUCKET = "aws:s3/bucket:Bucket"
BLOCK = of(
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    bucket="blue-logs",
    blockPublicAcls=True,
    blockPublicPolicy=True,
    ignorePublicAcls=True,
    restrictPublicBuckets=True,
)
SSE = of(
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    bucket="blue-logs",
    rules=[{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
)
NO_HTTP = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::blue-logs/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
TLS_ONLY = of("aws:s3/bucketPolicy:BucketPolicy", bucket="blue-logs", policy=policy(NO_HTTP))
LOGS = of(BUCKET, bucket="blue-logs", id="blue-logs")
SAS = "sv=2024-11-04&se=2026-12-01T00%3A00%3A00Z&sr=c&sp=acw&sig=" + "Ab1%2F" * 8
STORAGE_KEY = "q" * 85 + "A=="
CONNECTION = f"DefaultEndpointsProtocol=https;AccountName=bloberry01;AccountKey={STORAGE_KEY}"
SECRET_VERSION = "aws:secretsmanager/secretVersion:SecretVersion"
LAMBDA = "aws:lambda/function:Function"
LIGHT = of(STACK, tier="pilot-light")
VPC = of("aws:ec2/vpc:Vpc", id="vpc-1", cidrBlock="10.0.0.0/16")


def rule(**props: Any) -> Stack:
    return one(INGRESS, securityGroupId="sg-1", **props)


def nsg(**props: Any) -> Stack:
    base = {"name": "r", "direction": "Inbound", "access": "Allow", "protocol": "Tcp", "priority": 100}
    return one(NSG, securityRules=[{**base, **props}])
