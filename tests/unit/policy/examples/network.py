"""What keeps and what breaks the rules of policy/rules/network.py."""

from __future__ import annotations

from policy.model import UNKNOWN
from tests.unit.policy.examples.parts import (
    AKS,
    AZURE_MYSQL,
    CLUSTER,
    EKS,
    INSTANCE,
    MYSQL,
    RDS,
    SUBNET,
    TEMPLATE,
    TEMPLATE_OK,
    VPC,
    Examples,
    nsg,
    of,
    one,
    rule,
)

NETWORK: dict[str, Examples] = {
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
}
