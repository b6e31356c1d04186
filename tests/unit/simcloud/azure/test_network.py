"""Virtual networks, subnets and NAT gateways."""

from __future__ import annotations

import pytest

from simcloud.azure.topology import find_subnet

from .conftest import NET, RG, Azure

ACI = "Microsoft.ContainerInstance/containerGroups"


def nsg(azure: Azure, name: str = "nsg-x") -> str:
    given = {"resourceGroupName": RG, "networkSecurityGroupName": name}
    return azure.make("network:NetworkSecurityGroup", given, name).id


def containers(azure: Azure, subnet: str, name: str = "restore") -> None:
    given = {
        "resourceGroupName": RG,
        "containerGroupName": name,
        "osType": "Linux",
        "restartPolicy": "Never",
        "subnetIds": [{"id": subnet}],
        "containers": [
            {"name": "agent", "image": "i", "resources": {"requests": {"cpu": 1, "memoryInGB": 1.5}}},
        ],
    }
    azure.make("containerinstance:ContainerGroup", given, name)


def public_ip(azure: Azure, name: str = "pip", **more: object) -> str:
    given = {
        "resourceGroupName": RG,
        "publicIpAddressName": name,
        "sku": {"name": "Standard"},
        "publicIPAllocationMethod": "Static",
        **more,
    }
    return azure.make("network:PublicIPAddress", given, name).id


def test_a_network_and_its_subnets(site: Azure) -> None:
    subnet = site.subnet("snet-db", "172.16.31.0/24", delegation="Microsoft.DBforMySQL/flexibleServers")
    assert subnet.id == f"{NET}/virtualNetworks/vnet/subnets/snet-db"
    assert subnet.outputs["delegations"][0]["provisioningState"] == "Succeeded"
    assert subnet.region == "koreacentral"
    found = find_subnet(site.ctx(), subnet.id.upper())
    assert found and found.delegations == ["Microsoft.DBforMySQL/flexibleServers"]


@pytest.mark.parametrize(
    ("prefix", "code", "text"),
    [
        (
            "172.17.1.0/24",
            "NetcfgSubnetRangeOutsideVnet",
            "Subnet 'snet' is not valid because its IP address range is",
        ),
        ("172.16.1.128/25", "NetcfgSubnetRangesOverlap", "overlaps with that of an existing subnet 'taken'."),
        ("172.16.2.0/30", "NetcfgInvalidSubnet", "Subnet 'snet' is not valid in virtual network 'vnet'."),
        ("172.16.2.1/24", "InvalidCIDRNotation", "the address prefix should be 172.16.2.0/24."),
        ("172.16.2.0", "InvalidAddressPrefixFormat", "It should follow CIDR notation"),
    ],
)
def test_a_subnet_must_fit(site: Azure, prefix: str, code: str, text: str) -> None:
    site.subnet("taken", "172.16.1.0/24")
    given = {
        "resourceGroupName": RG,
        "virtualNetworkName": "vnet",
        "subnetName": "snet",
        "addressPrefix": prefix,
    }
    site.refuses(code, text, "network:Subnet", given, "snet")
    site.subnet("snet", "172.16.2.0/29")


def test_a_subnet_needs_a_prefix(site: Azure) -> None:
    given = {"resourceGroupName": RG, "virtualNetworkName": "vnet", "subnetName": "s"}
    site.refuses("NoAddressPrefixOrPoolProvided", "does not have any address prefix", "network:Subnet", given)


def test_a_subnet_points_at_what_exists(site: Azure) -> None:
    missing = f"{NET}/networkSecurityGroups/none"
    given = {
        "resourceGroupName": RG,
        "virtualNetworkName": "vnet",
        "subnetName": "s",
        "addressPrefix": "172.16.1.0/24",
        "networkSecurityGroup": {"id": missing},
    }
    site.refuses("InvalidResourceReference", f"Resource {missing} referenced by", "network:Subnet", given)
    site.make("network:Subnet", {**given, "networkSecurityGroup": {"id": nsg(site)}})


def test_subnets_inside_the_network_resource_count(site: Azure) -> None:
    given = {
        "resourceGroupName": RG,
        "virtualNetworkName": "inline",
        "addressSpace": {"addressPrefixes": ["10.1.0.0/16"]},
        "subnets": [
            {"name": "a", "addressPrefix": "10.1.1.0/24"},
            {"name": "b", "addressPrefix": "10.1.1.0/25"},
        ],
    }
    site.refuses(
        "NetcfgSubnetRangesOverlap", "existing subnet 'a'", "network:VirtualNetwork", given, "inline"
    )
    given["subnets"] = [{"name": "a", "addressPrefix": "10.1.1.0/24"}]
    vnet = site.make("network:VirtualNetwork", given, "inline")
    assert vnet.outputs["subnets"][0]["id"] == f"{vnet.id}/subnets/a"
    assert find_subnet(site.ctx(), f"{vnet.id}/subnets/a")


def test_a_network_cannot_shrink_below_its_subnets(site: Azure) -> None:
    vnet = site.vnet(name="other", space="10.9.0.0/16")
    site.subnet("s", "10.9.200.0/24", vnet="other")
    code = "NetcfgSubnetRangeOutsideVnet"
    site.refuses_change(code, "outside", vnet, addressSpace={"addressPrefixes": ["10.9.0.0/17"]})
    site.change(vnet, addressSpace={"addressPrefixes": ["10.9.0.0/16", "10.10.0.0/16"]})


def test_a_used_subnet_stays(site: Azure) -> None:
    subnet = site.subnet("snet-restore", "172.16.41.0/24", delegation=ACI)
    containers(site, subnet.id)
    text = "Subnet snet-restore is in use by"
    site.refuses_delete("InUseSubnetCannotBeDeleted", text, subnet)
    vnet = site.state.by_id("azure-native:network:VirtualNetwork", f"{NET}/virtualNetworks/vnet")
    assert vnet
    site.refuses_delete("InUseSubnetCannotBeDeleted", "serviceAssociationLinks/acisal", vnet)
    site.refuses_change(
        "InUsePrefixCannotBeDeleted", "IpPrefix 172.16.41.0/24", subnet, addressPrefix="172.16.42.0/24"
    )
    site.refuses_change(
        "SubnetDelegationsCannotChangeWhenSubnetUsedByResource",
        f"cannot be changed from [{ACI}] to []",
        subnet,
        delegations=[],
    )
    group = site.state.find("azure-native:containerinstance:ContainerGroup")[0]
    site.delete(group)
    site.change(subnet, addressPrefix="172.16.42.0/24")
    site.delete(subnet)
    site.delete(vnet)


def test_a_nat_gateway_holds_its_address_and_serves_its_subnets(site: Azure) -> None:
    given = {
        "resourceGroupName": RG,
        "natGatewayName": "nat",
        "sku": {"name": "Standard"},
        "publicIpAddresses": [{"id": f"{NET}/publicIPAddresses/none"}],
    }
    site.refuses("InvalidResourceReference", "publicIPAddresses/none", "network:NatGateway", given)
    address = public_ip(site)
    given["publicIpAddresses"] = [{"id": address}]
    nat = site.make("network:NatGateway", given, "nat")
    subnet = site.subnet("s", "172.16.1.0/24", natGateway={"id": nat.id})
    second = {**given, "natGatewayName": "nat2"}
    site.refuses(
        "PublicIPAddressInUse", f"already allocated to resource {nat.id}", "network:NatGateway", second, "n2"
    )
    site.refuses_delete("InUseNatGatewayCannotBeDeleted", subnet.id, nat)
    pip = site.state.by_id("azure-native:network:PublicIPAddress", address)
    assert pip
    site.refuses_delete("PublicIPAddressCannotBeDeleted", f"allocated to resource {nat.id}", pip)
    site.delete(subnet)
    site.delete(nat)
    site.delete(pip)
