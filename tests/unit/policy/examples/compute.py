"""What keeps and what breaks the rules of policy/rules/compute.py."""

from __future__ import annotations

from policy.model import UNKNOWN
from tests.unit.policy.examples.parts import (
    AKS,
    AZURE_MYSQL,
    CLUSTER,
    EKS,
    GATEWAY,
    GATEWAY_OK,
    INSTANCE,
    MYSQL,
    NODES,
    RDS,
    TEMPLATE,
    TEMPLATE_OK,
    Examples,
    changed,
    of,
    one,
)

COMPUTE: dict[str, Examples] = {
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
}
