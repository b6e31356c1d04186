"""azure-native:containerservice: AKS clusters, their pools, and their credentials."""

from __future__ import annotations

import base64
from typing import Any

from simcloud.azure import aksrules, ids
from simcloud.azure.base import (
    IDENTITY,
    ArmKind,
    find_id,
    normal_location,
    record,
    records,
    subscription,
    user_assigned,
)
from simcloud.azure.errors import ArmError, identity_not_found, property_change, resource_not_found
from simcloud.azure.identity import kubelet_principal
from simcloud.azure.topology import CLUSTER, POOL, pools
from simcloud.kinds import Context, Function, Properties, Resource, function, kind

ARM_TYPE = "Microsoft.ContainerService/managedClusters"

# Sub-properties of networkProfile that never change (azure-native replaces the cluster for them).
FIXED_NETWORK = (
    "serviceCidr",
    "serviceCidrs",
    "dnsServiceIP",
    "networkMode",
    "networkPlugin",
    "networkPluginMode",
    "podCidr",
    "networkDataplane",
    "networkPolicy",
    "outboundType",
)
NETWORK_DEFAULTS = {
    "networkPlugin": "azure",
    "networkDataplane": "azure",
    "serviceCidr": "10.0.0.0/16",
    "dnsServiceIP": "10.0.0.10",
    "loadBalancerSku": "standard",
    "outboundType": "loadBalancer",
    "ipFamilies": ["IPv4"],
}


def network_of(inputs: Properties) -> dict[str, Any]:
    return NETWORK_DEFAULTS | {k: v for k, v in record(inputs.get("networkProfile")).items() if v is not None}


def fqdn(res: Resource) -> str:
    prefix = res.inputs.get("fqdnSubdomain") or res.inputs.get("dnsPrefix")
    location = normal_location(res.inputs.get("location"))
    return f"{prefix}-{ids.guid(res.id, res.created_at)[:8]}.hcp.{location}.azmk8s.io"


@kind
class ManagedCluster(ArmKind):
    type = CLUSTER
    arm_type = ARM_TYPE
    api_version = "2025-09-01"
    path = ("resourceName",)
    latency = "aks"
    delete_latency = "aks_delete"
    update_latency = "aks_pool"
    forces_new = frozenset(
        {
            "diskEncryptionSetID",
            "dnsPrefix",
            "fqdnSubdomain",
            "linuxProfile",
            "nodeResourceGroup",
            "windowsProfile",
            *(f"networkProfile.{key}" for key in FIXED_NETWORK),
        }
    )
    shows = frozenset({"provisioningState", "systemData"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        if not inputs.get("dnsPrefix") and not inputs.get("fqdnSubdomain"):
            raise aksrules.missing("dnsPrefix")
        if inputs.get("dnsPrefix") and not aksrules.DNS_PREFIX.fullmatch(str(inputs["dnsPrefix"])):
            raise aksrules.invalid("dnsPrefix")
        identity = record(inputs.get("identity"))
        if not identity.get("type") and not inputs.get("servicePrincipalProfile"):
            raise aksrules.missing("servicePrincipalProfile")
        for each in user_assigned(identity):
            if not find_id(ctx, IDENTITY, each):
                raise identity_not_found(arm_id, each)
        version = inputs.get("kubernetesVersion")
        if version and (not old or version != old.inputs.get("kubernetesVersion")):
            name = arm_id.rsplit("/", 1)[-1]
            support = str(inputs.get("supportPlan") or "KubernetesOfficial")
            aksrules.check_version(name, str(version), support)
            if old:
                aksrules.check_upgrade(
                    name, str(old.inputs.get("kubernetesVersion") or version), str(version)
                )
        self.check_pools(ctx, inputs, arm_id, old)
        if old:
            before, after = network_of(old.inputs), network_of(inputs)
            for key in FIXED_NETWORK:
                if before.get(key) != after.get(key):
                    raise property_change(f"networkProfile.{key}")

    def check_pools(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        profiles = records(inputs.get("agentPoolProfiles"))
        if not profiles:
            raise aksrules.missing("agentPoolProfiles")
        # Pools may also be resources of their own: after creation one of those may be the system pool.
        own = [p.inputs for p in ctx.find(POOL) if p.id.lower().startswith(f"{arm_id.lower()}/")]
        if not any(p.get("mode") == "System" for p in (*profiles, *(own if old else ()))):
            # Azure/AKS#1568
            raise ArmError("MustDefineAtLeastOneSystemPool", "Must define at least one system pool.")
        names = [str(p.get("name")) for p in profiles]
        if len(set(names)) != len(names):
            raise aksrules.invalid("agentPoolProfile.name")
        network = network_of(inputs)
        location = normal_location(inputs.get("location"))
        before = {str(p.get("name")): p for p in records(old.inputs.get("agentPoolProfiles"))} if old else {}
        for profile in profiles:
            name = str(profile.get("name"))
            aksrules.check_pool(profile, name, location, before.get(name))
            aksrules.check_pool_change(before.get(name), profile, "agentPoolProfile")
        aksrules.check_networks(ctx, [*profiles, *own], network, location)

    # -- answers --

    def shown(self, ctx: Context, res: Resource) -> Properties:
        inputs, parsed = res.inputs, ids.parse(res.id)
        assert parsed
        location = normal_location(inputs.get("location"))
        version = aksrules.full_version(inputs.get("kubernetesVersion"))
        node_group = inputs.get("nodeResourceGroup") or f"MC_{parsed.group}_{parsed.name}_{location}"
        host = fqdn(res)
        kubelet = f"{ids.group_id(parsed.subscription, str(node_group))}/providers/Microsoft.ManagedIdentity"
        out: Properties = {
            "eTag": ids.guid(res.id, sorted(inputs)),
            "fqdn": host,
            "azurePortalFQDN": host.replace(".hcp.", ".portal.hcp."),
            "currentKubernetesVersion": version,
            "kubernetesVersion": inputs.get("kubernetesVersion") or version,
            "nodeResourceGroup": node_group,
            "maxAgentPools": 100,
            "enableRBAC": inputs.get("enableRBAC") is not False,
            "powerState": {"code": "Running"},
            "resourceUID": ids.guid(res.id, res.created_at).replace("-", ""),
            "supportPlan": inputs.get("supportPlan") or "KubernetesOfficial",
            "disableLocalAccounts": bool(inputs.get("disableLocalAccounts")),
            "sku": {"name": "Base", "tier": "Free", **record(inputs.get("sku"))},
            "networkProfile": _network_shown(network_of(inputs)),
            "agentPoolProfiles": [_pool_shown(p, version) for p in records(inputs.get("agentPoolProfiles"))],
            "identityProfile": {
                "kubeletidentity": {
                    "resourceId": f"{kubelet}/userAssignedIdentities/{parsed.name}-agentpool",
                    "clientId": ids.guid(res.id, "kubelet-client"),
                    "objectId": kubelet_principal(res),
                }
            },
        }
        if record(inputs.get("oidcIssuerProfile")).get("enabled"):
            issuer = (
                f"https://{location}.oic.prod-aks.azure.com/{ctx.tenant}/{ids.guid(res.id, res.created_at)}/"
            )
            out["oidcIssuerProfile"] = {"enabled": True, "issuerURL": issuer}
        return out

    # -- the real thing --

    def create(self, ctx: Context, res: Resource) -> Properties:
        ctx.world.clusters.create(
            res.id,
            region=normal_location(res.inputs.get("location")),
            version=aksrules.full_version(res.inputs.get("kubernetesVersion")),
            server=f"https://{fqdn(res)}:443",
        )
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        ctx.world.clusters.delete(res.id)


def _network_shown(network: dict[str, Any]) -> dict[str, Any]:
    shown = {**network, "serviceCidrs": network.get("serviceCidrs") or [network["serviceCidr"]]}
    if network.get("networkPluginMode") == "overlay":
        shown["podCidr"] = network.get("podCidr") or "10.244.0.0/16"
        shown["podCidrs"] = [shown["podCidr"]]
    return shown


def _pool_shown(pool: dict[str, Any], version: str) -> dict[str, Any]:
    current = aksrules.full_version(pool.get("orchestratorVersion") or version)
    return {
        "osType": "Linux",
        "osSKU": "Ubuntu",
        "osDiskSizeGB": 128,
        "osDiskType": "Managed",
        "kubeletDiskType": "OS",
        "type": "VirtualMachineScaleSets",
        "maxPods": 30,
        "enableFIPS": False,
        **pool,
        "count": pool.get("count") or pool.get("minCount") or 1,
        "orchestratorVersion": pool.get("orchestratorVersion") or version,
        "currentOrchestratorVersion": current,
        "nodeImageVersion": "AKSUbuntu-2204gen2containerd-202611.03.0",
        "powerState": {"code": "Running"},
        "provisioningState": "Succeeded",
        "eTag": ids.guid(str(pool)),
    }


@kind
class AgentPool(ArmKind):
    type = POOL
    arm_type = f"{ARM_TYPE}/agentPools"
    api_version = "2025-09-01"
    path = ("resourceName", "agentPoolName")
    naming = "copy"
    parent = CLUSTER
    located = False
    latency = "aks_pool"
    delete_latency = "aks_pool_delete"
    forces_new = frozenset({"gpuInstanceProfile", "vmSize"})
    shows = frozenset({"provisioningState"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        cluster = self.parent_of(ctx, inputs)
        assert cluster
        location = normal_location(cluster.inputs.get("location"))
        name = arm_id.rsplit("/", 1)[-1]
        before = old.inputs if old else None
        aksrules.check_pool(inputs, name, location, before)
        aksrules.check_pool_change(before, inputs, "properties")
        if inputs.get("orchestratorVersion"):
            control = aksrules.full_version(cluster.inputs.get("kubernetesVersion"))
            aksrules.check_skew(str(inputs["orchestratorVersion"]), control)
        others = [
            pool
            for owner, pool in pools(ctx)
            if (
                ids.same(owner.id, cluster.id)
                or owner.id.lower().startswith(f"{cluster.id.lower()}/agentpools/")
            )
            and not ids.same(owner.id, arm_id)
        ]
        aksrules.check_networks(
            ctx, [*others, {**inputs, "name": name}], network_of(cluster.inputs), location
        )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        cluster = self.parent_of(ctx, res.inputs)
        version = aksrules.full_version(cluster.inputs.get("kubernetesVersion") if cluster else None)
        shown = _pool_shown(
            {k: v for k, v in res.inputs.items() if k not in {"resourceGroupName", *self.path}}, version
        )
        kept = {k: v for k, v in shown.items() if k != "type"}
        return kept | {"type": shown["type"]}

    def delete(self, ctx: Context, res: Resource) -> None:
        cluster = self.parent_of(ctx, res.inputs)
        if not cluster or cluster.status == "deleting" or res.inputs.get("mode") != "System":
            return
        rest = [
            pool
            for owner, pool in pools(ctx)
            if owner.id.lower().startswith(cluster.id.lower()) and not ids.same(owner.id, res.id)
        ]
        if not any(pool.get("mode") == "System" for pool in rest):
            # https://learn.microsoft.com/azure/aks/use-system-pools
            raise ArmError(
                "OperationNotAllowed", "There has to be at least one system agent pool.", status=409
            )


@function
class ListManagedClusterUserCredentials(Function):
    token = "azure-native:containerservice:listManagedClusterUserCredentials"

    def invoke(self, ctx: Context, args: Properties) -> Properties:
        group, name = str(args.get("resourceGroupName")), str(args.get("resourceName"))
        cluster = find_id(ctx, CLUSTER, str(ids.make(subscription(ctx), group, ARM_TYPE, (name,))))
        if not cluster or cluster.status != "ready":
            raise resource_not_found(ARM_TYPE, name, group)
        text = ctx.world.clusters.kubeconfig(cluster.id)
        return {"kubeconfigs": [{"name": "clusterUser", "value": base64.b64encode(text.encode()).decode()}]}
