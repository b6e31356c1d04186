"""Application Gateway v2."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from .conftest import NET, RG, Azure
from .test_addresses import PIP, pip
from .test_network import containers
from .test_security import NSG, group, rule

GW = f"{NET}/applicationGateways/agw"
TOKEN = "network:ApplicationGateway"
MANAGER = rule("manager", 100, sourceAddressPrefix="GatewayManager", destinationPortRange="65200-65535")


def gateway(**changes: Any) -> dict[str, Any]:
    """A good gateway with these inputs changed (None takes one away)."""
    given: dict[str, Any] = {
        "resourceGroupName": RG,
        "applicationGatewayName": "agw",
        "sku": {"name": "Standard_v2", "tier": "Standard_v2", "capacity": 1},
        "sslPolicy": {"policyType": "Predefined", "policyName": "AppGwSslPolicy20220101"},
        "gatewayIPConfigurations": [
            {"name": "ip", "subnet": {"id": f"{NET}/virtualNetworks/vnet/subnets/snet-appgw"}}
        ],
        "frontendIPConfigurations": [
            {"name": "public", "publicIPAddress": {"id": f"{NET}/publicIPAddresses/pip"}}
        ],
        "frontendPorts": [{"name": "http", "port": 80}],
        "backendAddressPools": [{"name": "web", "backendAddresses": [{"ipAddress": "172.16.11.100"}]}],
        "probes": [
            {
                "name": "health",
                "protocol": "Http",
                "path": "/actuator/health",
                "interval": 10,
                "timeout": 5,
                "unhealthyThreshold": 3,
                "pickHostNameFromBackendHttpSettings": True,
            }
        ],
        "backendHttpSettingsCollection": [
            {"name": "web", "port": 8080, "protocol": "Http", "probe": {"id": f"{GW}/probes/health"}}
        ],
        "httpListeners": [
            {
                "name": "http",
                "protocol": "Http",
                "frontendIPConfiguration": {"id": f"{GW}/frontendIPConfigurations/public"},
                "frontendPort": {"id": f"{GW}/frontendPorts/http"},
            }
        ],
        "requestRoutingRules": [
            {
                "name": "all",
                "ruleType": "Basic",
                "priority": 100,
                "httpListener": {"id": f"{GW}/httpListeners/http"},
                "backendAddressPool": {"id": f"{GW}/backendAddressPools/web"},
                "backendHttpSettings": {"id": f"{GW}/backendHttpSettingsCollection/web"},
            }
        ],
    }
    merged = copy.deepcopy(given) | changes
    return {k: v for k, v in merged.items() if v is not None}


@pytest.fixture
def ready(site: Azure) -> Azure:
    """A network with the gateway's subnet, its security group and its address."""
    nsg = site.make(NSG, group(MANAGER, rule("web", 110)), "nsg")
    site.subnet("snet-appgw", "172.16.1.0/24", networkSecurityGroup={"id": nsg.id})
    site.make(PIP, pip("blue-dr", "TenantReuse"), "pip")
    return site


def test_a_gateway_answers_under_its_addresss_name(ready: Azure) -> None:
    made = ready.make(TOKEN, gateway())
    address = ready.state.find(f"azure-native:{PIP}")[0]
    name = address.outputs["dnsSettings"]["fqdn"]
    assert ready.called("network.publish") == [((name, "appgw", 0), {"region": "koreacentral", "tls": False})]
    assert made.outputs["operationalState"] == "Running"
    assert made.outputs["backendAddressPools"][0]["id"] == f"{GW}/backendAddressPools/web"
    ready.refuses_delete("PublicIPAddressCannotBeDeleted", f"{GW}/frontendIPConfigurations/public", address)
    ready.delete(made)
    assert ready.called("network.unpublish") == [((name,), {})]
    ready.delete(address)


def child(key: str, **changes: Any) -> dict[str, Any]:
    """One child list with the first child's fields changed."""
    item = {k: v for k, v in (gateway()[key][0] | changes).items() if v is not None}
    return {key: [item]}


@pytest.mark.parametrize(
    ("bad", "code", "text"),
    [
        (
            {"sku": {"name": "Standard_Small", "tier": "Standard", "capacity": 1}},
            "ApplicationGatewayInvalidSku",
            "V1 is retired",
        ),
        (
            {"sku": {"name": "Standard_v2", "tier": "Standard_v2"}},
            "ApplicationGatewayV2SkuMustSpecifyEitherCapacityOrAutoscaleConfiguration",
            "must specify either Capacity or AutoscaleConfiguration for the selected SKU tier Standard_v2",
        ),
        (
            {"sslPolicy": None},
            "ApplicationGatewayDeprecatedTlsVersionUsedInSslPolicy",
            "policy AppGwSslPolicy20150501",
        ),
        (
            {"sslPolicy": {"policyType": "Predefined", "policyName": "AppGwSslPolicy20170401"}},
            "ApplicationGatewayDeprecatedTlsVersionUsedInSslPolicy",
            "policy AppGwSslPolicy20170401",
        ),
        (
            {"sslPolicy": {"policyType": "CustomV2", "minProtocolVersion": "TLSv1_1"}},
            "ApplicationGatewayDeprecatedTlsVersionUsedInSslPolicy",
            "CustomV2",
        ),
        (
            {"sslPolicy": {"policyName": "AppGwSslPolicy20220101"}},
            "ApplicationGatewaySslPolicyPropertyPolicyTypeRequired",
            "Property 'PolicyType' is required",
        ),
        (
            {
                "sslPolicy": {
                    "policyType": "Predefined",
                    "policyName": "AppGwSslPolicy20220101",
                    "minProtocolVersion": "TLSv1_2",
                }
            },
            "ApplicationGatewaySslPolicyPropertyNotSupportedForPolicyType",
            "does not support property 'MinProtocolVersion'",
        ),
        (
            child("requestRoutingRules", priority=None),
            "ApplicationGatewayRequestRoutingRulePriorityCannotBeEmpty",
            "cannot be empty",
        ),
        (
            child("requestRoutingRules", priority=20001),
            "ApplicationGatewayRequestRoutingRuleInvalidPriority",
            "20001",
        ),
        (
            child("requestRoutingRules", backendAddressPool={"id": f"{GW}/backendAddressPools/none"}),
            "InvalidResourceReference",
            f"{GW}/backendAddressPools/none referenced by resource {GW}/requestRoutingRules/all was not found.",
        ),
        (
            child("backendHttpSettingsCollection", probe={"id": f"{GW}/probes/none"}),
            "InvalidResourceReference",
            "probes/none",
        ),
        (
            child("httpListeners", frontendPort={"id": f"{GW}/frontendPorts/x"}),
            "InvalidResourceReference",
            "frontendPorts/x",
        ),
        (
            child("httpListeners", protocol="Https"),
            "ApplicationGatewayHttpsListenerMustReferenceSslCert",
            "httpListeners/http",
        ),
        (child("probes", path="health"), "ApplicationGatewayProbePathIsInvalid", "must start with '/'"),
        (
            {"frontendPorts": [{"name": "http", "port": 80}, {"name": "http", "port": 81}]},
            "InvalidRequestFormat",
            "two child resources with the same name",
        ),
        ({"gatewayIPConfigurations": []}, "ApplicationGatewaySubnetRequired", "gateway IP configuration"),
        (
            {
                "gatewayIPConfigurations": [
                    {"name": "ip", "subnet": {"id": f"{NET}/virtualNetworks/vnet/subnets/no"}}
                ]
            },
            "InvalidResourceReference",
            "subnets/no",
        ),
        (
            {
                "frontendIPConfigurations": [
                    {"name": "public", "publicIPAddress": {"id": f"{NET}/publicIPAddresses/no"}}
                ]
            },
            "InvalidResourceReference",
            "publicIPAddresses/no",
        ),
        (
            {"frontendIPConfigurations": [{"name": "public", "privateIPAllocationMethod": "Dynamic"}]},
            "ApplicationGatewayFrontendIpPrivateIpAddressInvalidAllocationType",
            "can only use PrivateIPAddress with IpAllocationMethod as Static.",
        ),
        (
            {"frontendIPConfigurations": [{"name": "public", "privateIPAllocationMethod": "Static"}]},
            "ApplicationGatewayFeatureCannotBeEnabledForSelectedSku",
            "without Public IP",
        ),
    ],
)
def test_a_gateway_that_azure_refuses(ready: Azure, bad: dict[str, Any], code: str, text: str) -> None:
    ready.refuses(code, text, TOKEN, gateway(**bad))
    ready.make(TOKEN, gateway())


def test_a_custom_policy_of_tls_1_2_is_fine(ready: Azure) -> None:
    policy = {"policyType": "CustomV2", "minProtocolVersion": "TLSv1_2", "cipherSuites": []}
    ready.make(TOKEN, gateway(sslPolicy=policy))


INBOUND = "ApplicationGatewaySubnetInboundTrafficBlockedByNetworkSecurityGroup"
DENY = rule("deny", 4096, access="Deny", protocol="*", sourceAddressPrefix="*", destinationPortRange="*")


@pytest.mark.parametrize(
    ("rules", "code", "text"),
    [
        ([rule("web", 110)], INBOUND, "blocks incoming internet traffic on ports 65200 - 65535 to subnet"),
        ([MANAGER, DENY], INBOUND, "AzureLoadBalancer"),
        (
            [
                MANAGER,
                rule(
                    "out",
                    100,
                    direction="Outbound",
                    access="Deny",
                    destinationAddressPrefix="Internet",
                    sourceAddressPrefix="*",
                    destinationPortRange="*",
                ),
            ],
            "ApplicationGatewaySubnetOutboundTrafficBlockedByNetworkSecurityGroup",
            "blocks outgoing internet traffic on subnet",
        ),
    ],
)
def test_what_the_subnets_security_group_must_let_through(
    ready: Azure, rules: list[dict[str, Any]], code: str, text: str
) -> None:
    nsg = ready.state.find(f"azure-native:{NSG}")[0]
    good = nsg.inputs["securityRules"]
    ready.change(nsg, securityRules=rules)  # no gateway yet: Azure does not mind
    ready.refuses(code, text, TOKEN, gateway())
    ready.change(nsg, securityRules=good)
    ready.make(TOKEN, gateway())
    ready.refuses_change(code, text, nsg, securityRules=rules)  # now it does
    balancer = rule(
        "lb", 120, sourceAddressPrefix="AzureLoadBalancer", protocol="*", destinationPortRange="*"
    )
    ready.change(nsg, securityRules=[MANAGER, balancer, DENY])


def test_the_gateways_subnet_is_its_own(site: Azure) -> None:
    subnet = site.subnet(
        "snet-appgw", "172.16.1.0/24", delegation="Microsoft.ContainerInstance/containerGroups"
    )
    containers(site, subnet.id)
    site.make(PIP, pip(), "pip")
    site.refuses("ApplicationGatewaySubnetCannotBeShared", "acisal", TOKEN, gateway())
    site.delete(site.state.find("azure-native:containerinstance:ContainerGroup")[0])
    site.refuses(
        "ApplicationGatewaySubnetCannotBeShared", "delegated to Microsoft.ContainerInstance", TOKEN, gateway()
    )
    site.change(subnet, delegations=[{"name": "d", "serviceName": "Microsoft.Network/applicationGateways"}])
    site.make(TOKEN, gateway())
