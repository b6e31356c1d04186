"""Both programs whole: every resource has its parent and provider, its tags, and every component its outputs."""

from __future__ import annotations

import uuid

import pytest

from stacks import dr, prod
from stacks.settings import Settings

from .conftest import PACKAGES, Recorded, Run, bare

COMPONENTS = {
    "prod": {
        "planb:aws:Network": {"vpcId", "subnets"},
        "planb:aws:Security": {"groups"},
        "planb:aws:FlowLogs": {"groupName"},
        "planb:aws:Endpoints": {"ids"},
        "planb:aws:Secrets": {"keyArn", "arns"},
        "planb:aws:OperationsKey": {"arn"},
        "planb:aws:Database": {"host", "port", "masterSecretArn"},
        "planb:aws:Cluster": {"name", "kubeconfig"},
        "planb:aws:LoadBalancerController": set(),
        "planb:aws:Autoscaler": set(),
        "planb:aws:Balancer": {"dnsName", "targetGroupArn"},
        "planb:aws:AccessLogs": {"bucket"},
        "planb:aws:Edge": {"domainName", "storeArn"},
        "planb:aws:EdgeLogs": set(),
        "planb:aws:Dns": {"healthCheckId"},
        "planb:aws:Agent": {"bucket", "key", "sha256"},
        "planb:aws:BackupHost": {"tag", "adminTag", "tokenIssuer"},
        "planb:aws:Notifications": {"alarmsTopicArn"},
        "planb:aws:Recovery": {"functionName", "deadLetterName"},
        "planb:aws:Monitoring": {"alarmArns", "dashboardName"},
        "planb:index:Workload": set(),
    },
    "dr": {
        "planb:azure:Network": {"vnetId", "subnetIds"},
        "planb:azure:Storage": {"containerUrl"},
        "planb:azure:MaintenancePage": {"url"},
        "planb:azure:Roles": {"backupWriter", "mysqlAdmin"},
        "planb:azure:Grants": set(),
        "planb:azure:BackupWriter": {"clientId", "tenantId"},
        "planb:azure:BackupWatch": {"workspaceId", "alarmId"},
        "planb:azure:JobIdentity": {"id", "clientId"},
        "planb:azure:Database": {"host"},
        "planb:azure:Gateway": {"host"},
        "planb:azure:Cluster": {"name"},
        "planb:azure:RestoreJob": {"groupName"},
        "planb:index:Workload": set(),
    },
}
# Of the stack itself: what is wired between components.
TOP = {
    "prod": {"pulumi:providers:aws"},
    "dr": {
        "pulumi:providers:azure-native",
        "azure-native:resources:ResourceGroup",
        "random:index/randomPassword:RandomPassword",
    },
}
# Types that take no tags, or (SecurityGroup's rules) whose tags nobody looks for.
UNTAGGED = {
    "aws:autoscaling/group:Group",  # its tags have another shape: below
    "aws:cloudfront/function:Function",
    "aws:cloudfront/keyValueStore:KeyValueStore",
    "aws:cloudfront/keyvaluestoreKey:KeyvaluestoreKey",
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
    "aws:ec2/route:Route",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
    "aws:iam/outboundWebIdentityFederation:OutboundWebIdentityFederation",
    "aws:cloudwatch/dashboard:Dashboard",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:kms/alias:Alias",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
    "aws:secretsmanager/secretRotation:SecretRotation",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
    "aws:lambda/permission:Permission",
    "aws:secretsmanager/secretVersion:SecretVersion",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:sns/topicSubscription:TopicSubscription",
    "aws:sqs/queuePolicy:QueuePolicy",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "azure-native:authorization:RoleAssignment",
    "azure-native:authorization:RoleDefinition",
    "azure-native:managedidentity:FederatedIdentityCredential",
    "azure-native:monitor:DiagnosticSetting",
    "azure-native:containerservice:AgentPool",
    "azure-native:dbformysql:Configuration",
    "azure-native:dbformysql:Database",
    "azure-native:network:Subnet",
    "azure-native:storage:Blob",
    "azure-native:storage:BlobContainer",
    "azure-native:storage:BlobContainerImmutabilityPolicy",
    "azure-native:storage:BlobServiceProperties",
    "azure-native:storage:ManagementPolicy",
    "azure-native:storage:StorageAccountStaticWebsite",
}


RUNS: dict[tuple[str, bool], Recorded] = {}


def whole(run: Run, stack: str, *, preview: bool = False) -> Recorded:
    if (stack, preview) in RUNS:
        return RUNS[stack, preview]
    more = {"tier": "full", "restoreJob": "restore", "restoreBackup": "b", "restoreRun": "r1"}
    groups = ("ownerGroup", "aksOperatorGroup", "mysqlAdminGroup", "backupReaderGroup")
    more |= dict.fromkeys(groups, "00000000-0000-4000-8000-0000000d0001")
    more |= {"awsIssuer": "https://0a1b2c3d-0000-4000-8000-000000000000.tokens.sts.global.api.aws"}
    more |= {"awsAccountId": "123456789012", "alarmWebhook": "https://hooks.example.com/canary"}
    settings = Settings.model_validate({"site": stack, "project": "green", **(more if stack == "dr" else {})})
    deploy = dr.deploy if stack == "dr" else prod.deploy
    RUNS[stack, preview] = run(lambda: deploy(settings), preview=preview, stack=stack)
    return RUNS[stack, preview]


@pytest.mark.parametrize("stack", ["prod", "dr"])
def test_every_child_has_its_parent(run: Run, stack: str, preview: bool) -> None:
    recorded = whole(run, stack, preview=preview)
    components = {item.urn for item in recorded.made if item.package == "planb"}
    top = {item.type for item in recorded.made if item.parent not in components}
    assert top == TOP[stack] | COMPONENTS[stack].keys()
    parents = {item.parent for item in recorded.made if item.parent in components}
    assert parents == components  # none is empty


@pytest.mark.parametrize("stack", ["prod", "dr"])
def test_every_child_has_our_provider(run: Run, stack: str, preview: bool) -> None:
    recorded = whole(run, stack, preview=preview)
    package = "aws" if stack == "prod" else "azure-native"
    (provider,) = recorded.all(PACKAGES[package])
    checked = [item for item in recorded.made if item.package in (package, "eks")]
    assert len(checked) > 25
    for item in checked:
        assert item.provider.startswith(f"{provider.urn}::"), item.name
    (cluster,) = recorded.all("pulumi:providers:kubernetes")
    inside = [item for item in recorded.made if item.package == "kubernetes"]
    assert len(inside) >= 3
    for item in inside:
        assert item.provider.startswith(f"{cluster.urn}::"), item.name


@pytest.mark.parametrize("stack", ["prod", "dr"])
def test_every_component_registers_its_outputs(run: Run, stack: str, preview: bool) -> None:
    recorded = whole(run, stack, preview=preview)
    found = {item.type: set(recorded.outputs[item.urn]) for item in recorded.made if item.package == "planb"}
    assert found == COMPONENTS[stack]


@pytest.mark.parametrize("stack", ["prod", "dr"])
def test_tags(run: Run, stack: str) -> None:
    recorded = whole(run, stack)
    for item in recorded.made:
        if item.package not in ("aws", "azure-native", "eks") or item.type in UNTAGGED:
            continue
        tags = item["tags"]
        if stack == "dr":
            assert tags == {"project": "green", "stack": "dr", "managed-by": "pulumi"}, item.name
        else:
            assert tags["Name"].startswith("green-"), item.name
    if stack == "prod":
        (provider,) = recorded.all("pulumi:providers:aws")
        defaults = provider["defaultTags"]
        defaults = defaults if isinstance(defaults, str) else str(defaults)
        for word in ("green", "prod", "pulumi"):
            assert word in defaults
        tagged = [{tag["key"]: tag["value"] for tag in item["tags"]} for item in recorded.all("Group")]
        own = {"Project": "green", "Stack": "prod", "ManagedBy": "pulumi"}
        assert {"Name": "green-backup", "Role": "backup", **own} in tagged


def test_names_on_aws(run: Run) -> None:
    recorded = whole(run, "prod")
    names = {
        ("LoadBalancer", "name"): "green-alb",
        ("TargetGroup", "name"): "green-web",
        ("KeyValueStore", "name"): "green-site",
        ("ResponseHeadersPolicy", "name"): "green-security-headers",
        ("LogDeliverySource", "name"): "green-edge",
        ("eks:index:Cluster", "name"): "green-eks",
        ("aws:rds/instance:Instance", "identifier"): "green-mysql",
    }
    for (kind, key), name in names.items():
        assert recorded.one(kind)[key] == name
    assert {item["name"] for item in recorded.all("Function")} == {
        *("green-router", "green-health", "green-recovery")
    }
    groups = {item["name"] for item in recorded.all("SecurityGroup")}
    assert groups == {
        f"green-{tier}" for tier in ("alb", "web", "was", "rds", "backup", "endpoints", "recovery")
    }
    for kind in ("aws:autoscaling/group:Group", "InstanceProfile"):
        assert {item["name"] for item in recorded.all(kind)} == {"green-backup", "green-db-admin"}
    secrets = {item["name"] for item in recorded.all("Secret") if item.package == "aws"}
    assert secrets == {f"green/prod/db-{one}" for one in ("app", "backup", "replication")}


def test_names_on_azure(run: Run) -> None:
    recorded = whole(run, "dr")
    names = {
        ("ResourceGroup", "resourceGroupName"): {"rg-green"},
        ("VirtualNetwork", "virtualNetworkName"): {"vnet-green"},
        ("StorageAccount", "accountName"): {"bloberry01", "bloberry01web"},
        ("BlobContainer", "containerName"): {"mysql-backups", "pulumi-state"},
        ("UserAssignedIdentity", "resourceName"): {"id-restore-green", "id-backup-green"},
        ("RoleDefinition", "roleName"): {"PlanB green backup-writer", "PlanB green mysql-admin"},
        ("Workspace", "workspaceName"): {"log-green"},
        ("ScheduledQueryRule", "ruleName"): {"backup-missing-green"},
        ("ActionGroup", "actionGroupName"): {"ag-green"},
        ("Server", "serverName"): {"mysql-dr-green"},
        ("PublicIPAddress", "publicIpAddressName"): {"pip-appgw-green"},
        ("ApplicationGateway", "applicationGatewayName"): {"agw-green"},
        ("ManagedCluster", "resourceName"): {"aks-dr-green"},
        ("AgentPool", "agentPoolName"): {"was"},
        ("ContainerGroup", "containerGroupName"): {"ci-restore-green-r1"},
    }
    for (kind, key), expected in names.items():
        assert {item[key] for item in recorded.all(kind)} == expected
    for item in recorded.made:
        if item.package == "azure-native" and "resourceGroupName" in item.inputs:
            assert item["resourceGroupName"] == "rg-green", item.name
    for kind, key in (("RoleAssignment", "roleAssignmentName"), ("RoleDefinition", "roleDefinitionId")):
        own = [item[key] for item in recorded.all(kind)]
        assert len(set(own)) == len(own) and all(str(uuid.UUID(name)) == name for name in own)


@pytest.mark.parametrize("stack", ["prod", "dr"])
def test_passwords_reach_resources_as_secrets_only(run: Run, stack: str) -> None:
    """A generated password in an input that is not marked would stand in the state and in previews."""
    recorded = whole(run, stack)
    everywhere = [item.name for item in recorded.made if "canary" in str(item.inputs)]
    assert everywhere  # they are used
    assert [item.name for item in recorded.made if bare(item.wrapped)] == []
