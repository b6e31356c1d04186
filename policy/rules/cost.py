"""The standby costs next to nothing while it waits: at most $10 a month (R18)."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import Finding, Resource, Severity, on_stack

STACK = "pulumi:pulumi:Stack"
LIMIT_USD = 10.0
HOURS = 730
# What `planb cost` knows exactly, rounded up: backups of 30 days at the drill's size, Hot LRS, with their operations.
# The account that holds them is told from others by the policy that deletes old ones.
BACKUPS_USD = 5.0
# Azure Retail Prices, Korea Central, USD, 2026-11 (CLOUD_FACTS A13): the smallest that each type can cost in a month.
MONTHLY_USD: dict[str, float] = {
    "azure-native:storage:ManagementPolicy": BACKUPS_USD,
    "azure-native:storage:StorageAccount": 0.10,  # reads of a page, say
    "azure-native:privatedns:PrivateZone": 0.50,
    "azure-native:dns:Zone": 0.50,
    "azure-native:keyvault:Vault": 0.03,
    "azure-native:operationalinsights:Workspace": 1.00,
    "azure-native:monitor:MetricAlert": 0.10,
    "azure-native:monitor:ScheduledQueryRule": 1.50,
    "azure-native:applicationinsights:WebTest": 5.00,
    "azure-native:network:PrivateEndpoint": 0.01 * HOURS,
    "azure-native:network:PublicIPAddress": 0.005 * HOURS,
    "azure-native:network:NatGateway": 0.045 * HOURS,
    "azure-native:network:ApplicationGateway": 0.0225 * HOURS,
    "azure-native:network:AzureFirewall": 1.25 * HOURS,
    "azure-native:network:BastionHost": 0.19 * HOURS,
    "azure-native:network:LoadBalancer": 0.025 * HOURS,
    "azure-native:network:VirtualNetworkGateway": 0.19 * HOURS,
    "azure-native:dbformysql:Server": 0.026 * HOURS,
    "azure-native:containerservice:ManagedCluster": 0.052 * HOURS,
    "azure-native:containerservice:AgentPool": 0.052 * HOURS,
    "azure-native:containerinstance:ContainerGroup": 0.04 * HOURS,
    "azure-native:compute:VirtualMachine": 0.0052 * HOURS,
    "azure-native:compute:Disk": 1.50,
    "azure-native:containerregistry:Registry": 5.00,
}
# Azure asks nothing for these, or bills them with what they belong to.
FREE = {
    "azure-native:authorization:RoleAssignment",
    "azure-native:authorization:RoleDefinition",
    "azure-native:authorization:ManagementLockByScope",
    "azure-native:authorization:ManagementLockAtResourceGroupLevel",
    "azure-native:authorization:ManagementLockAtResourceLevel",
    "azure-native:consumption:Budget",
    "azure-native:dbformysql:Configuration",
    "azure-native:dbformysql:Database",
    "azure-native:monitor:ActionGroup",
    "azure-native:monitor:DiagnosticSetting",
    "azure-native:managedidentity:FederatedIdentityCredential",
    "azure-native:managedidentity:UserAssignedIdentity",
    "azure-native:network:NetworkSecurityGroup",
    "azure-native:network:RouteTable",
    "azure-native:network:SecurityRule",
    "azure-native:network:Subnet",
    "azure-native:network:VirtualNetwork",
    "azure-native:privatedns:VirtualNetworkLink",
    "azure-native:resources:ResourceGroup",
    "azure-native:storage:Blob",
    "azure-native:storage:BlobContainer",
    "azure-native:storage:BlobContainerImmutabilityPolicy",
    "azure-native:storage:BlobServiceProperties",
    "azure-native:storage:StorageAccountStaticWebsite",
}


@on_stack(
    "standby-costs-at-most-10-dollars",
    says=f"The pilot light costs at most ${LIMIT_USD:.0f} a month.",
    remedy="Create what is billed by the hour only from tier emergency on (stacks/dr.py). A type without a "
    "known price belongs into the tables of policy/rules/cost.py, with its price and date.",
    severity=Severity.HIGH,
)
def standby_costs_at_most_10_dollars(resources: list[Resource]) -> Iterator[Finding]:
    if "pilot-light" not in [one.get("tier") for one in resources if one.type == STACK]:
        return
    priced: list[tuple[float, Resource]] = []
    for one in resources:
        if not one.type.startswith("azure-native:") or one.type in FREE:
            continue
        price = MONTHLY_USD.get(one.type)
        if price is None:
            yield Finding(text=f"{one.name}: nobody knows what {one.type} costs", urn=one.urn)
        else:
            priced.append((price, one))
    total = sum(price for price, _ in priced)
    if total > LIMIT_USD:
        priced.sort(key=lambda pair: -pair[0])
        bill = ", ".join(f"{one.name} ${price:.2f}" for price, one in priced)
        yield Finding(text=f"${total:.2f} a month: {bill}", urn=priced[0][1].urn)


COST = [standby_costs_at_most_10_dollars]
