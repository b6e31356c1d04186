"""For every rule: stacks that keep it and stacks that break it. A stack is the resources that matter to the rule."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from policy.model import UNKNOWN, Resource

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


EXAMPLES: dict[str, Examples] = {
    "no-public-database": Examples(
        good=[
            one(INSTANCE, **RDS),
            one(MYSQL, **AZURE_MYSQL),
            one(MYSQL, network={"delegatedSubnetResourceId": UNKNOWN}),
            one(MYSQL, network=UNKNOWN),
        ],
        bad=[
            one(INSTANCE, **{**RDS, "publiclyAccessible": True}),
            one(MYSQL, sku=AZURE_MYSQL["sku"]),
            one(MYSQL, network={"publicNetworkAccess": "Enabled", "delegatedSubnetResourceId": SUBNET}),
            one("azure-native:dbformysql/v20241230:Server", network={}),
            one(
                "azure-native:resources:Resource",
                resourceProviderNamespace="Microsoft.DBforMySQL",
                resourceType="flexibleServers",
                properties={"version": "8.4", "network": {"publicNetworkAccess": "Enabled"}},
            ),
            one("azure-native:dbformysql:FirewallRule", startIpAddress="0.0.0.0", endIpAddress="0.0.0.0"),
        ],
    ),
    "internet-reaches-web-ports-only": Examples(
        good=[
            rule(cidrIpv4="0.0.0.0/0", ipProtocol="tcp", fromPort=443, toPort=443),
            rule(cidrIpv6="::/0", ipProtocol="tcp", fromPort=80, toPort=80),
            rule(cidrIpv4="10.0.0.0/16", ipProtocol="tcp", fromPort=3306, toPort=3306),
            rule(referencedSecurityGroupId="sg-2", ipProtocol="tcp", fromPort=3306, toPort=3306),
            rule(cidrIpv4=UNKNOWN, ipProtocol="tcp", fromPort=22, toPort=22),
            nsg(sourceAddressPrefix="Internet", destinationPortRanges=["80", "443"]),
            nsg(sourceAddressPrefix="GatewayManager", destinationPortRange="65200-65535"),
            nsg(sourceAddressPrefix="*", destinationPortRange="*", access="Deny"),
            nsg(sourceAddressPrefix="172.16.21.0/24", destinationPortRange="3306"),
        ],
        bad=[
            rule(cidrIpv4="0.0.0.0/0", ipProtocol="tcp", fromPort=3306, toPort=3306),
            rule(cidrIpv4="203.0.113.7/32", ipProtocol="tcp", fromPort=22, toPort=22),
            rule(cidrIpv4="0.0.0.0/1", ipProtocol="tcp", fromPort=8080, toPort=8080),
            rule(cidrIpv6="::/0", ipProtocol="-1"),
            rule(cidrIpv4="0.0.0.0/0", ipProtocol="tcp", fromPort=80, toPort=443),
            rule(cidrIpv4="0.0.0.0/0", ipProtocol="tcp"),
            one(
                "aws:ec2/securityGroup:SecurityGroup",
                ingress=[{"protocol": "tcp", "fromPort": 3306, "toPort": 3306, "cidrBlocks": ["0.0.0.0/0"]}],
            ),
            one(
                "aws:ec2/securityGroupRule:SecurityGroupRule",
                type="ingress",
                protocol="tcp",
                fromPort=0,
                toPort=65535,
                cidrBlocks=["10.0.0.0/8", "0.0.0.0/0"],
            ),
            nsg(sourceAddressPrefix="Internet", destinationPortRange="3306"),
            nsg(sourceAddressPrefix="*", destinationPortRange="*"),
            nsg(sourceAddressPrefixes=["10.0.0.0/8", "8.8.8.0/24"], destinationPortRange="8080"),
            one(
                "azure-native:network:SecurityRule",
                direction="Inbound",
                access="Allow",
                protocol="Udp",
                sourceAddressPrefix="Internet",
                destinationPortRange="443",
            ),
        ],
    ),
    "no-public-hosts": Examples(
        good=[
            one("aws:ec2/subnet:Subnet", cidrBlock="10.0.1.0/24"),
            one(TEMPLATE, **TEMPLATE_OK),
            one("azure-native:containerinstance:ContainerGroup", subnetIds=[{"id": SUBNET}]),
            one(AKS, agentPoolProfiles=[{"name": "web", "enableNodePublicIP": False}]),
        ],
        bad=[
            one("aws:ec2/subnet:Subnet", mapPublicIpOnLaunch=True),
            one("aws:ec2/instance:Instance", associatePublicIpAddress=True),
            one(TEMPLATE, networkInterfaces=[{"associatePublicIpAddress": "true"}]),
            one(AKS, agentPoolProfiles=[{"name": "web", "enableNodePublicIP": True}]),
            one("azure-native:containerservice:AgentPool", enableNodePublicIP=True),
            one(
                "azure-native:containerinstance:ContainerGroup",
                ipAddress={"type": "Public", "ports": []},
                subnetIds=[{"id": SUBNET}],
            ),
            one("azure-native:containerinstance:ContainerGroup", osType="Linux"),
        ],
    ),
    "kubernetes-api-from-known-addresses": Examples(
        good=[
            one(EKS, **CLUSTER),
            one(EKS, vpcConfig={"endpointPublicAccess": False}),
            one(EKS, vpcConfig={"endpointPublicAccess": UNKNOWN}),
            one(AKS, apiServerAccessProfile={"authorizedIPRanges": ["203.0.113.0/24"]}),
            one(AKS, apiServerAccessProfile={"enablePrivateCluster": True}),
        ],
        bad=[
            one(EKS, vpcConfig={"subnetIds": ["a"], "endpointPublicAccess": True}),
            one(EKS, vpcConfig={"publicAccessCidrs": ["0.0.0.0/0"]}),
            one(AKS, kubernetesVersion="1.35"),
            one(AKS, apiServerAccessProfile={"enablePrivateCluster": False}),
        ],
    ),
    "network-is-logged": Examples(
        good=[
            [VPC, of("aws:ec2/flowLog:FlowLog", vpcId="vpc-1", trafficType="ALL")],
            [
                of("aws:ec2/vpc:Vpc", id=UNKNOWN),
                of("aws:ec2/flowLog:FlowLog", vpcId=UNKNOWN, trafficType="ALL"),
            ],
        ],
        bad=[
            [VPC],
            [VPC, of("aws:ec2/flowLog:FlowLog", vpcId="vpc-2", trafficType="ALL")],
            [VPC, of("aws:ec2/flowLog:FlowLog", vpcId="vpc-1", trafficType="REJECT")],
        ],
    ),
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
    "no-star-actions": Examples(
        good=[
            inline(allow("s3:GetObject")),
            inline({"Effect": "Deny", "Action": "*", "Resource": "*"}),
            inline(allow(["ec2:Describe*"], "*")),
            one("aws:iam/rolePolicy:RolePolicy", policy=UNKNOWN),
            one(
                "aws:kms/key:Key",
                policy=policy(allow("kms:*", "*", Principal={"AWS": "arn:aws:iam::123456789012:root"})),
            ),
        ],
        bad=[
            inline(allow("*", "*")),
            inline(allow("*", "arn:aws:s3:::b")),
            inline(allow("s3:*", "arn:aws:s3:::b")),
            inline(allow(["s3:GetObject", "secretsmanager:*"])),
            inline(allow("*:*")),
            inline(allow("s*:GetObject")),
            inline({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
            inline({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::b"}),
            one("aws:iam/policy:Policy", policy=policy(allow("iam:*", "*"))),
            one("aws:iam/role:Role", inlinePolicies=[{"name": "x", "policy": policy(allow("*", "*"))}]),
            one(
                "aws:kms/key:Key",
                policy=policy(
                    allow("kms:*", "*", Principal={"Service": "logs.ap-northeast-2.amazonaws.com"})
                ),
            ),
            one(
                "aws:sqs/queuePolicy:QueuePolicy", policy=policy(allow("sqs:*", "*", Principal={"AWS": "1"}))
            ),
        ],
    ),
    "changes-name-their-resource": Examples(
        good=[
            inline(allow("s3:PutObject")),
            inline(allow("ec2:DescribeInstances", "*")),
            inline(allow("ecr:GetAuthorizationToken", "*")),
            inline(
                allow(
                    "autoscaling:SetDesiredCapacity",
                    "*",
                    Condition={"StringEquals": {"aws:ResourceTag/a": "b"}},
                )
            ),
            inline({"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}),
            one(
                "aws:sns/topicPolicy:TopicPolicy",
                policy=policy(allow("sns:Publish", "*", Principal={"Service": "cloudwatch.amazonaws.com"})),
            ),
        ],
        bad=[
            inline(allow("s3:PutObject", "*")),
            inline(allow("secretsmanager:GetSecretValue", "*")),
            inline(allow("SecretsManager:Get*", ["*"])),
            inline(allow("ssm:GetParameter*", "*")),
            inline(allow("iam:PassRole", "*")),
            inline(allow("ec2:*Instances", "*")),
            one("aws:iam/policy:Policy", policy=policy(allow(["kms:Decrypt"], "*"))),
        ],
    ),
    "trust-is-narrow": Examples(
        good=[
            trusts({"Service": "ec2.amazonaws.com"}),
            trusts({"AWS": "arn:aws:iam::123456789012:role/blue-runbook"}),
            trusts("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
            trusts(
                {"Federated": "arn:aws:iam::1:oidc-provider/oidc.eks"},
                Condition={
                    "StringEquals": {
                        "oidc.eks:sub": "system:serviceaccount:kube-system:x",
                        "oidc.eks:aud": "sts",
                    }
                },
            ),
            one("aws:s3/bucketPolicy:BucketPolicy", policy=policy(NO_HTTP)),
            one("aws:ec2/vpcEndpoint:VpcEndpoint", policy=policy(allow("s3:GetObject", "*", Principal="*"))),
            one(
                "aws:lambda/permission:Permission",
                action="lambda:InvokeFunction",
                principal="sns.amazonaws.com",
            ),
        ],
        bad=[
            trusts("*"),
            trusts({"AWS": "*"}),
            trusts({"AWS": ["arn:aws:iam::1:root", "*"]}),
            trusts("*", Condition={"StringLike": {"aws:PrincipalArn": "*"}}),
            trusts("*", Condition={"StringNotEquals": {"aws:PrincipalAccount": "1"}}),
            trusts("*", Condition={"Bool": {"aws:SecureTransport": "true"}}),
            trusts({"Federated": "arn:aws:iam::1:oidc-provider/oidc.eks"}),
            trusts(
                {"Federated": "arn:aws:iam::1:oidc-provider/oidc.eks"},
                Condition={"StringLike": {"oidc.eks:sub": "*", "oidc.eks:aud": "sts"}},
            ),
            trusts(
                {"Federated": "arn:aws:iam::1:oidc-provider/oidc.eks"},
                Condition={"StringEquals": {"oidc.eks:sub": "system:serviceaccount:kube-system:x"}},
            ),
            one("aws:s3/bucketPolicy:BucketPolicy", policy=policy(allow("s3:GetObject", Principal="*"))),
            one("aws:sqs/queue:Queue", policy=policy(allow("sqs:SendMessage", "*", Principal={"AWS": "*"}))),
            one(
                "aws:kms/key:Key",
                policy=policy(
                    {
                        "Effect": "Allow",
                        "NotPrincipal": {"AWS": "1"},
                        "Action": "kms:Decrypt",
                        "Resource": "*",
                    }
                ),
            ),
            one("aws:lambda/permission:Permission", action="lambda:InvokeFunction", principal="*"),
            one("aws:lambda/functionUrl:FunctionUrl", authorizationType="NONE"),
        ],
    ),
    "no-broad-managed-policies": Examples(
        good=[
            one(
                "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                policyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
            ),
            one("aws:iam/rolePolicyAttachment:RolePolicyAttachment", policyArn=UNKNOWN),
            one(
                "azure-native:authorization:RoleAssignment",
                roleDefinitionId="/x/roleDefinitions/ba92f5b4-2d11-453d-a403-e96b0029c9fe",
            ),
        ],
        bad=[
            one(
                "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                policyArn="arn:aws:iam::aws:policy/AdministratorAccess",
            ),
            one("aws:iam/role:Role", managedPolicyArns=["arn:aws:iam::aws:policy/AmazonS3FullAccess"]),
            one(
                "azure-native:authorization:RoleAssignment",
                roleDefinitionId="/x/roleDefinitions/B24988AC-6180-42A0-AB88-20F7382DD24C",
            ),
        ],
    ),
    "azure-roles-cannot-delete": Examples(
        good=[
            one(
                "azure-native:authorization:RoleDefinition",
                permissions=[
                    {
                        "actions": [f"{CONTAINERS}/read"],
                        "dataActions": [
                            f"{CONTAINERS}/blobs/read",
                            f"{CONTAINERS}/blobs/add/action",
                        ],
                    }
                ],
            ),
        ],
        bad=[
            one("azure-native:authorization:RoleDefinition", permissions=[{"actions": ["*"]}]),
            *(
                one(
                    "azure-native:authorization:RoleDefinition",
                    permissions=[{"dataActions": [f"{CONTAINERS}/{last}"]}],
                )
                for last in (
                    "blobs/delete",
                    "blobs/*",
                    "blobs/deleteBlobVersion/action",
                    "blobs/permanentDelete/action",
                )
            ),
        ],
    ),
    "no-long-lived-keys": Examples(
        good=[one(ACCOUNT, **BLOBS), one(ACCOUNT, allowSharedKeyAccess=UNKNOWN)],
        bad=[
            *changed(BLOBS, ACCOUNT, {"allowSharedKeyAccess": True}, {"allowSharedKeyAccess": None}),
            one("aws:iam/accessKey:AccessKey", user="u"),
            one("aws:iam/user:User", name="u"),
            one("aws:ec2/keyPair:KeyPair", publicKey="ssh-ed25519 AAAA"),
        ],
    ),
    "no-plain-secrets": Examples(
        good=[
            one(
                TEMPLATE,
                userData=b64('#cloud-config\n{"secret_arn": "arn:aws:x", "token": "$TOKEN"}'),
            ),
            one(TEMPLATE, userData=UNKNOWN),
            one(
                LAMBDA,
                environment={
                    "variables": {"SECRET_ARN": "arn:aws:secretsmanager:x", "DB_PASSWORD_FILE": "/run/p"}
                },
            ),
            one(LAMBDA, environment={"variables": {"SLACK_TOKEN": UNKNOWN, "MODE": "aws"}}),
            one(LAMBDA, environment=UNKNOWN),
            one(
                "azure-native:containerinstance:ContainerGroup",
                containers=[
                    {
                        "name": "a",
                        "environmentVariables": [
                            {"name": "PLANB_DB_PASSWORD", "secureValue": "hunter2hunter2"},
                            {"name": "PLANB_DB_HOST", "value": "mysql-dr-blue.mysql.database.azure.com"},
                        ],
                    }
                ],
            ),
            one(
                "kubernetes:apps/v1:Deployment",
                spec={
                    "template": {
                        "spec": {
                            "containers": [
                                {
                                    "name": "was",
                                    "env": [
                                        {
                                            "name": "SPRING_DATASOURCE_PASSWORD",
                                            "valueFrom": {"secretKeyRef": {"name": "d", "key": "p"}},
                                        }
                                    ],
                                }
                            ]
                        }
                    }
                },
            ),
        ],
        bad=[
            one(TEMPLATE, userData=b64("#!/bin/sh\nexport AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\n")),
            one(TEMPLATE, userData=b64('#cloud-config\n{"database": {"password": "correct-horse-battery"}}')),
            one("aws:ec2/instance:Instance", userData="mysqldump --password=correcthorse petclinic"),
            one("aws:ec2/instance:Instance", userData=f"az login; az storage blob upload --sas '{SAS}'"),
            one(TEMPLATE, userData=b64("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n")),
            one(LAMBDA, environment={"variables": {"DB_PASSWORD": "x"}}),
            one(
                LAMBDA, environment={"variables": {"HOOK": "https://hooks.slack.com/services/T000/B000/abc"}}
            ),
            one(LAMBDA, environment={"variables": {"DSN": "mysql://root:correcthorse@db:3306/x"}}),
            one(
                "azure-native:containerinstance:ContainerGroup",
                containers=[
                    {"name": "a", "environmentVariables": [{"name": "PLANB_DB_PASSWORD", "value": "x"}]}
                ],
            ),
            one(
                "kubernetes:apps/v1:Deployment",
                spec={"template": {"spec": {"containers": [{"env": [{"name": "API_KEY", "value": "x"}]}]}}},
            ),
            one("kubernetes:core/v1:ConfigMap", data={"DB_PASSWORD": "x"}),
            one("aws:ssm/parameter:Parameter", type="String", value=CONNECTION),
        ],
    ),
    "no-secrets-in-outputs": Examples(
        good=[
            one(
                STACK,
                originKey="x" * 40,
                appSecretArn="arn:aws:secretsmanager:x",
                edgeUrl="https://d1.cloudfront.net",
            ),
            one(STACK, originKey=UNKNOWN),
        ],
        bad=[
            one(STACK, connection=CONNECTION),
            one(STACK, upload={"url": f"https://bloberry01.blob.core.windows.net/mysql-backups?{SAS}"}),
            one(STACK, key="-----BEGIN PRIVATE KEY-----\nMIIE"),
        ],
    ),
    "no-azure-storage-key-in-aws": Examples(
        good=[
            one(SECRET_VERSION, secretString=json.dumps({"username": "planb_backup", "password": "x" * 32})),
            one(SECRET_VERSION, secretString=f"https://bloberry01.blob.core.windows.net/mysql-backups?{SAS}"),
            one(SECRET_VERSION, secretString=UNKNOWN),
            one(TEMPLATE, userData=b64("#cloud-config\n" + "x" * 200)),
            one("azure-native:dbformysql:Configuration", value=STORAGE_KEY),
        ],
        bad=[
            one(SECRET_VERSION, secretString=CONNECTION),
            one(SECRET_VERSION, secretString=json.dumps({"key": STORAGE_KEY})),
            one(SECRET_VERSION, secretString=SAS.replace("sp=acw", "sp=racwdl")),
            one(SECRET_VERSION, secretString=SAS.replace("sr=c", "ss=b&srt=co")),
            one(SECRET_VERSION, secretString=SAS.replace("&sr=c", "")),
            one(TEMPLATE, userData=b64(f"export AZURE_STORAGE_KEY={STORAGE_KEY}\n")),
            one(LAMBDA, environment={"variables": {"URL": f"https://x.blob.core.windows.net/c?{SAS}"}}),
            one("kubernetes:core/v1:Secret", stringData={"conn": CONNECTION}),
        ],
    ),
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
    "instance-metadata-needs-a-token": Examples(
        good=[
            one(TEMPLATE, **TEMPLATE_OK),
            one(TEMPLATE, metadataOptions={"httpEndpoint": "disabled"}),
            one("aws:ec2/instance:Instance", metadataOptions=UNKNOWN),
        ],
        bad=[
            one(TEMPLATE, imageId="ami-1"),
            one(TEMPLATE, metadataOptions={"httpTokens": "optional"}),
            one("aws:ec2/instance:Instance", metadataOptions={"httpEndpoint": "enabled"}),
            one(TEMPLATE, metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 64}),
        ],
    ),
    "node-template-has-the-cluster-group": Examples(
        good=[
            [of(EKS, **CLUSTER), of(TEMPLATE, **TEMPLATE_OK), NODES],
            [
                of(EKS, **CLUSTER),
                of(TEMPLATE, **{**TEMPLATE_OK, "vpcSecurityGroupIds": [UNKNOWN, "sg-web"]}),
                NODES,
            ],
            [of(EKS, **CLUSTER), of(TEMPLATE, **{**TEMPLATE_OK, "vpcSecurityGroupIds": []}), NODES],
            [
                of(EKS, **CLUSTER),
                of(TEMPLATE, **{**TEMPLATE_OK, "id": "lt-2", "vpcSecurityGroupIds": ["sg-x"]}),
                NODES,
            ],
        ],
        bad=[[of(EKS, **CLUSTER), of(TEMPLATE, **{**TEMPLATE_OK, "vpcSecurityGroupIds": ["sg-web"]}), NODES]],
    ),
    "possible-sku-pairs": Examples(
        good=[
            one(MYSQL, **AZURE_MYSQL),
            one(
                MYSQL,
                sku={"name": "Standard_D2ds_v4", "tier": "GeneralPurpose"},
                highAvailability={"mode": "ZoneRedundant"},
            ),
            one(MYSQL, sku=UNKNOWN, highAvailability={"mode": "ZoneRedundant"}),
            one(GATEWAY, **GATEWAY_OK),
            one(
                "azure-native:network:PublicIPAddress",
                sku={"name": "Standard"},
                publicIPAllocationMethod="Static",
            ),
            one(INSTANCE, **RDS),
            one(AKS, agentPoolProfiles=[{"name": "web", "mode": "System", "vmSize": "Standard_B2s"}]),
        ],
        bad=[
            one(MYSQL, sku=AZURE_MYSQL["sku"], highAvailability={"mode": "ZoneRedundant"}),
            one(MYSQL, sku=AZURE_MYSQL["sku"], highAvailability={"mode": "SameZone"}),
            one(MYSQL, sku={"name": "Standard_D2ds_v4", "tier": "Burstable"}),
            one(MYSQL, sku={"name": "Standard_B2s", "tier": "GeneralPurpose"}),
            one(
                "azure-native:resources:Resource",
                resourceProviderNamespace="Microsoft.DBforMySQL",
                resourceType="flexibleServers",
                sku={"name": "Standard_B2s", "tier": "Burstable"},
                properties={"highAvailability": {"mode": "ZoneRedundant"}},
            ),
            one(GATEWAY, sku={"name": "Standard_Small", "tier": "Standard"}),
            one(GATEWAY, sku={"name": "Standard_v2", "tier": "Standard_v2"}, firewallPolicy={"id": "/x"}),
            one(
                GATEWAY, sku={"tier": "Standard_v2", "capacity": 2}, autoscaleConfiguration={"minCapacity": 0}
            ),
            one("azure-native:network:PublicIPAddress", sku={"name": "Basic"}),
            one(
                "azure-native:network:PublicIPAddress",
                sku={"name": "Standard"},
                publicIPAllocationMethod="Dynamic",
            ),
            one(AKS, agentPoolProfiles=[{"name": "web", "mode": "System", "vmSize": "Standard_B1ms"}]),
            one("azure-native:containerservice:AgentPool", minCount=5, maxCount=4),
            one("azure-native:containerservice:AgentPool", enableAutoScaling=True, count=2),
            *changed(RDS, INSTANCE, {"instanceClass": "db.t3.small"}, {"allocatedStorage": 10}),
        ],
    ),
    "kubernetes-version-is-supported": Examples(
        good=[one(EKS, **CLUSTER), one(AKS, kubernetesVersion="1.35.2"), one(AKS, kubernetesVersion=UNKNOWN)],
        bad=[
            one(EKS, version="1.29"),
            one(AKS, kubernetesVersion="1.29"),
            one("aws:eks/nodeGroup:NodeGroup", version="1.33"),
        ],
    ),
    "mysql-version-has-no-surcharge": Examples(
        good=[
            one(INSTANCE, **RDS),
            one(INSTANCE, engine="mysql", engineVersion=UNKNOWN),
            one(
                INSTANCE,
                engine="mysql",
                engineVersion="8.0",
                engineLifecycleSupport="open-source-rds-extended-support-disabled",
            ),
        ],
        bad=changed(RDS, INSTANCE, {"engineVersion": "8.0"}, {"engineVersion": "5.7.44"}),
    ),
    "no-writes-to-an-origin-group": Examples(
        good=[
            one(
                DISTRIBUTION,
                **{**EDGE, "defaultCacheBehavior": {**BEHAVIOUR, "allowedMethods": ["GET", "POST"]}},
            ),
            one(
                DISTRIBUTION,
                originGroups=[{"originId": "both"}],
                defaultCacheBehavior={"targetOriginId": "both", "allowedMethods": ["GET", "HEAD"]},
            ),
            one(DISTRIBUTION, originGroups=UNKNOWN, defaultCacheBehavior=UNKNOWN),
        ],
        bad=[
            one(
                DISTRIBUTION,
                originGroups=[{"originId": "both"}],
                defaultCacheBehavior={"targetOriginId": "both", "allowedMethods": ["GET", "HEAD", "POST"]},
            ),
            one(
                DISTRIBUTION,
                originGroups=[{"originId": "both"}],
                defaultCacheBehavior=BEHAVIOUR,
                orderedCacheBehaviors=[
                    {"pathPattern": "/api/*", "targetOriginId": "both", "allowedMethods": ["DELETE"]},
                ],
            ),
        ],
    ),
    "edge-keys-belong-to-the-runbook": Examples(
        good=[
            one(
                "aws:cloudfront/keyvaluestoreKey:KeyvaluestoreKey",
                key="mode",
                value="aws",
                _ignore_changes=("value",),
            )
        ],
        bad=[
            one("aws:cloudfront/keyvaluestoreKey:KeyvaluestoreKey", key="mode", value="aws"),
            one("aws:cloudfront/keyvaluestoreKeysExclusive:KeyvaluestoreKeysExclusive", keyValueStoreArn="a"),
        ],
    ),
    "origin-is-locked": Examples(
        good=[
            one(DISTRIBUTION, **EDGE),
            one(DISTRIBUTION, origins=[{"originId": "s", "domainName": "x.web.core.windows.net"}]),
        ],
        bad=[one(DISTRIBUTION, origins=[{k: v for k, v in ORIGIN.items() if k != "customHeaders"}])],
    ),
    "tagged": Examples(
        good=[
            one("aws:ec2/vpc:Vpc", tags={"Name": "v"}, _provider={"defaultTags": json.dumps({"tags": TAGS})}),
            one("aws:ec2/vpc:Vpc", tagsAll=TAGS, _provider={}),
            one("aws:ec2/vpc:Vpc", _provider={"defaultTags": UNKNOWN}),
            one(
                "aws:autoscaling/group:Group",
                tags=[{"key": k, "value": v, "propagateAtLaunch": True} for k, v in TAGS.items()],
                _provider={},
            ),
            one(NSG, tags=AZURE_TAGS),
            one(NSG, tags=UNKNOWN),
            one("azure-native:network:Subnet", addressPrefix="172.16.1.0/24"),
        ],
        bad=[
            one("aws:ec2/vpc:Vpc", tags={"Name": "v"}, _provider={}),
            one("aws:ec2/vpc:Vpc", _provider={"defaultTags": {"tags": {"Project": "blue"}}}),
            one(
                "aws:autoscaling/group:Group",
                tags=[{"key": "Name", "value": "x", "propagateAtLaunch": True}],
                _provider={"defaultTags": {"tags": TAGS}},
            ),
            one(
                "aws:autoscaling/group:Group",
                tags=[{"key": k, "value": v, "propagateAtLaunch": False} for k, v in TAGS.items()],
            ),
            one(NSG, location="koreacentral"),
            one(NSG, tags={"project": "blue", "stack": ""}),
        ],
    ),
    "standby-costs-at-most-10-dollars": Examples(
        good=[
            [LIGHT, of(ACCOUNT, **BLOBS), of("azure-native:privatedns:PrivateZone"), of(NSG)],
            [of(STACK, tier="full"), of(GATEWAY, **GATEWAY_OK), of(MYSQL, **AZURE_MYSQL)],
            [of(STACK, edgeUrl="x"), of(GATEWAY, **GATEWAY_OK)],
        ],
        bad=[
            [LIGHT, of(GATEWAY, **GATEWAY_OK)],
            [LIGHT, of(MYSQL, **AZURE_MYSQL)],
            [LIGHT, of(ACCOUNT), *[of("azure-native:network:PublicIPAddress")] * 2],
            [LIGHT, of("azure-native:quantum:Workspace")],
        ],
    ),
}
