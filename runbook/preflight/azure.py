"""Azure: would it let us build the standby today? Identity, providers, versions, sizes, quotas, names.

Shapes of the answers: Azure/azure-rest-api-specs, examples of the API versions below.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from runbook.preflight.asking import Refusal
from runbook.preflight.look import Look, Planned
from runbook.preflight.model import Finding, ok

SUBSCRIPTIONS_API = "2022-12-01"
PROVIDERS_API = "2021-04-01"
AKS_API = "2024-02-01"
MYSQL_API = "2023-12-30"
COMPUTE_API = "2024-07-01"
SKUS_API = "2021-07-01"
NETWORK_API = "2024-05-01"
VAULT_API = "2023-07-01"

CLUSTER = "azure-native:containerservice:ManagedCluster"
POOL = "azure-native:containerservice:AgentPool"
SERVER = "azure-native:dbformysql:Server"
ADDRESS = "azure-native:network:PublicIPAddress"
VAULT = "azure-native:keyvault:Vault"
# What the SDK calls a module, and which resource provider it belongs to.
PROVIDERS = {
    "containerservice": "Microsoft.ContainerService",
    "containerinstance": "Microsoft.ContainerInstance",
    "dbformysql": "Microsoft.DBforMySQL",
    "insights": "Microsoft.Insights",
    "keyvault": "Microsoft.KeyVault",
    "managedidentity": "Microsoft.ManagedIdentity",
    "network": "Microsoft.Network",
    "operationalinsights": "Microsoft.OperationalInsights",
    "privatedns": "Microsoft.Network",
    "storage": "Microsoft.Storage",
}


def identity(look: Look) -> list[Finding]:
    """Whether this process may use the subscription at all."""
    try:
        found = look.arm().get("", SUBSCRIPTIONS_API)
    except Refusal as refusal:
        return [
            Finding(
                "blocker",
                f"Azure refuses this identity ({refusal.what})",
                "nothing can be built there",
                "az login, or mend the service principal of CI (docs/going-live.md)",
            )
        ]
    name, state = found.get("displayName", look.subscription), found.get("state")
    if state != "Enabled":
        return [
            Finding(
                "blocker",
                f"subscription {name} is {state}",
                "nothing can be built in it",
                "Azure portal, Subscriptions: pay what is due or enable it",
            )
        ]
    return [ok(f"subscription {name} takes this identity")]


def providers(look: Look) -> list[Finding]:
    """Resource providers that nobody has registered refuse the first creation: MissingSubscriptionRegistration."""
    needed = sorted(
        {
            PROVIDERS[module]
            for resource in look.plan().resources
            if (module := resource.type.split(":")[1]) in PROVIDERS
            and resource.type.startswith("azure-native:")
        }
    )
    missing = [
        name
        for name in needed
        if look.arm().get(f"/providers/{name}", PROVIDERS_API).get("registrationState") != "Registered"
    ]
    if not missing:
        return [ok(f"{len(needed)} resource providers are registered")]
    return [
        Finding(
            "blocker",
            f"{name} is not registered in the subscription",
            "the first resource of it would be refused",
            f"az provider register --namespace {name}",
        )
        for name in missing
    ]


def kubernetes(look: Look) -> list[Finding]:
    """Whether AKS still makes clusters of our version."""
    wanted = {str(c.inputs.get("kubernetesVersion")) for c in look.plan().of(CLUSTER)}
    path = f"/providers/Microsoft.ContainerService/locations/{look.location}/kubernetesVersions"
    offered: dict[str, dict[str, Any]] = {
        str(v["version"]): v for v in look.arm().get(path, AKS_API).get("values") or []
    }
    found: list[Finding] = []
    for version in sorted(wanted):
        minor = ".".join(version.split(".")[:2])
        entry = offered.get(minor)
        plans = ((entry or {}).get("capabilities") or {}).get("supportPlan") or []
        patched = version.count(".") < 2 or version in ((entry or {}).get("patchVersions") or {})
        usual = [
            v for v, e in offered.items() if "KubernetesOfficial" in _plans(e) and not e.get("isPreview")
        ]
        newest = f"pulumi config set planb:kubernetesVersion {max(usual, key=_minor)} -s dr" if usual else ""
        if entry is None or not patched or "KubernetesOfficial" not in plans:
            found.append(
                Finding(
                    "blocker",
                    f"AKS in {look.location} no longer makes clusters of {version} (it offers {', '.join(usual)})",
                    "there would be no cluster to run the service on",
                    newest,
                )
            )
        elif entry.get("isPreview"):
            found.append(
                Finding("warning", f"AKS {version} is a preview", "previews have no support", newest)
            )
        elif usual and _minor(minor) == min(map(_minor, usual)):
            found.append(
                Finding(
                    "warning",
                    f"AKS {version} is the oldest that {look.location} offers",
                    "it is the next one to go, and then there would be no cluster at a failover",
                    newest,
                )
            )
        else:
            found.append(ok(f"AKS makes clusters of {version} in {look.location}"))
    return found or [ok("no cluster has to be made")]


def _plans(entry: dict[str, Any]) -> list[str]:
    return list((entry.get("capabilities") or {}).get("supportPlan") or [])


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def mysql(look: Look) -> list[Finding]:
    """Whether MySQL Flexible Server has our version in our size, with HA where we ask for it."""
    path = f"/providers/Microsoft.DBforMySQL/locations/{look.location}/capabilities"
    zones = look.arm().listed(path, MYSQL_API)
    found: list[Finding] = []
    for server in look.plan().of(SERVER):
        version, sku = str(server.inputs.get("version")), server.inputs.get("sku") or {}
        mode = str((server.inputs.get("highAvailability") or {}).get("mode") or "Disabled")
        fits = [
            zone
            for zone in zones
            for edition in zone.get("supportedFlexibleServerEditions") or []
            if edition["name"] == sku.get("tier")
            for offered in edition.get("supportedServerVersions") or []
            if offered["name"] == version
            and any(size["name"] == sku.get("name") for size in offered.get("supportedSkus") or [])
        ]
        what = f"MySQL {version} on {sku.get('name')} ({sku.get('tier')})"
        if not fits:
            found.append(
                Finding(
                    "blocker",
                    f"{look.location} does not offer {what} to this subscription",
                    "there would be no database to restore into",
                    f"az mysql flexible-server list-skus -l {look.location}; then planb:mysqlVersion, planb:databaseHa",
                )
            )
        elif mode != "Disabled" and not any(mode in (zone.get("supportedHAMode") or []) for zone in fits):
            found.append(
                Finding(
                    "blocker",
                    f"{look.location} does not offer {what} with HA mode {mode}",
                    "the server would be refused",
                    "pulumi config set planb:databaseHa false -s dr",
                )
            )
        else:
            found.append(ok(f"{look.location} offers {what}{'' if mode == 'Disabled' else f' with {mode}'}"))
    return found or [ok("no database has to be made")]


def nodes_of(look: Look) -> list[tuple[Planned, str, int]]:
    """(resource, size, nodes at first) of every pool that has to be made."""
    found: list[tuple[Planned, str, int]] = []
    for cluster in look.plan().of(CLUSTER, new=True):
        for pool in cluster.inputs.get("agentPoolProfiles") or []:
            found.append((cluster, str(pool.get("vmSize")), int(pool.get("count") or 1)))
    for pool in look.plan().of(POOL, new=True):
        count = int(pool.inputs.get("count") or pool.inputs.get("minCount") or 1)
        found.append((pool, str(pool.inputs.get("vmSize")), count))
    return found


def sizes(look: Look) -> list[Finding]:
    """Whether the nodes' sizes may be used, and whether the cores for them are left (F9)."""
    pools = nodes_of(look)
    if not pools:
        return [ok("no node has to be made")]
    only = {"$filter": f"location eq '{look.location}'"}
    skus = look.arm().listed("/providers/Microsoft.Compute/skus", SKUS_API, **only)
    offered = {str(s["name"]): s for s in skus if s.get("resourceType") == "virtualMachines"}
    found: list[Finding] = []
    wanted: Counter[str] = Counter()
    for size in sorted({size for _, size, _ in pools}):
        sku = offered.get(size)
        # https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-sku-not-available
        barred = [r for r in (sku or {}).get("restrictions") or [] if r.get("type") == "Location"]
        if sku is None or barred:
            why = barred[0].get("reasonCode", "restricted") if barred else "not offered there"
            found.append(
                Finding(
                    "blocker",
                    f"nodes of size {size} cannot be had in {look.location} ({why})",
                    "the cluster's pools would be refused with SkuNotAvailable",
                    f"az vm list-skus -l {look.location} --size {size}; another size in components/azure/cluster.py",
                )
            )
            continue
        cores = next((int(c["value"]) for c in sku.get("capabilities") or [] if c["name"] == "vCPUs"), 0)
        needed = cores * sum(count for _, s, count in pools if s == size)
        wanted[str(sku.get("family"))] += needed
        wanted["cores"] += needed
    usage = look.arm().listed(f"/providers/Microsoft.Compute/locations/{look.location}/usages", COMPUTE_API)
    return found + _room(usage, wanted, look.location, "vCPUs", "Microsoft.Compute")


def addresses(look: Look) -> list[Finding]:
    """Whether public addresses are left."""
    new = look.plan().of(ADDRESS, new=True)
    if not new:
        return [ok("no public address has to be made")]
    # AKS takes one more for what its nodes send out, unless the program says where they go out by.
    wanted = Counter({"PublicIPAddresses": len(new) + len(look.plan().of(CLUSTER, new=True))})
    usage = look.arm().listed(f"/providers/Microsoft.Network/locations/{look.location}/usages", NETWORK_API)
    return _room(usage, wanted, look.location, "public addresses", "Microsoft.Network")


def _room(
    usage: list[dict[str, Any]], wanted: Counter[str], location: str, unit: str, provider: str
) -> list[Finding]:
    """Each quota that is wanted of, against what is left of it."""
    left = {str(u["name"]["value"]).lower(): (int(u["currentValue"]), int(u["limit"])) for u in usage}
    found: list[Finding] = []
    for name, needed in sorted(wanted.items()):
        if name.lower() not in left:
            found.append(
                Finding("unasked", f"{location} tells no quota {name}", "nobody knows whether it suffices")
            )
            continue
        used, limit = left[name.lower()]
        if used + needed > limit:
            found.append(
                Finding(
                    "blocker",
                    f"quota {name} in {location}: {limit} {unit}, {used} in use, a failover needs {needed} more",
                    "the resources would be refused with QuotaExceeded",
                    f"az quota update --resource-name {name} --scope /subscriptions/…/providers/{provider}/locations/"
                    f"{location} --limit-object value={used + needed}",
                )
            )
        else:
            found.append(ok(f"quota {name}: {used} of {limit} {unit} in use, a failover needs {needed}"))
    return found


def names(look: Look) -> list[Finding]:
    """Whether names that are unique across Azure are still free for what has to be made."""
    found: list[Finding] = []
    for server in look.plan().of(SERVER, new=True):
        name = str(server.inputs.get("serverName"))
        path = f"/providers/Microsoft.DBforMySQL/locations/{look.location}/checkNameAvailability"
        answer = look.arm().post(
            path, MYSQL_API, {"name": name, "type": "Microsoft.DBforMySQL/flexibleServers"}
        )
        found.append(_free(answer, name, "the database", "components/azure/database.py"))
    for vault in look.plan().of(VAULT, new=True):
        name = str(vault.inputs.get("vaultName"))
        answer = look.arm().post(
            "/providers/Microsoft.KeyVault/checkNameAvailability",
            VAULT_API,
            {"name": name, "type": "Microsoft.KeyVault/vaults"},
        )
        found.append(_free(answer, name, "the key vault", "components/azure/vault.py"))
    return found or [ok("no name has to be taken")]


def _free(answer: dict[str, Any], name: str, what: str, where: str) -> Finding:
    if answer.get("nameAvailable"):
        return ok(f"{name} is free for {what}")
    return Finding(
        "blocker",
        f"{name} is taken ({answer.get('reason') or 'AlreadyExists'}: {answer.get('message') or 'no message'})",
        f"{what} could not be made under it",
        f"delete or purge what has it, or choose another name in {where}",
    )
