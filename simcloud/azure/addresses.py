"""azure-native:network: public IP addresses and their DNS labels."""

from __future__ import annotations

import base64
import hashlib
import re

from simcloud.azure import ids
from simcloud.azure.base import ArmKind, normal_location, record, subscription
from simcloud.azure.errors import ArmError
from simcloud.azure.topology import PUBLIC_IP, used_public_ips
from simcloud.kinds import Context, Properties, Resource, kind

LABEL = "^[a-z][a-z0-9-]{1,61}[a-z0-9]$"


def fqdn(ctx: Context, inputs: Properties, arm_id: str) -> str | None:
    """The label's name. With a scope it carries a hash of that scope, so a freed label cannot be taken over.

    https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses#domain-name-label-scope:
    contoso → contoso.fjdng2acavhkevd8.westus.cloudapp.azure.com.
    """
    dns = record(inputs.get("dnsSettings"))
    label = dns.get("domainNameLabel")
    if not label:
        return None
    parsed = ids.parse(arm_id)
    group = parsed.group if parsed else ""
    scopes = {
        "TenantReuse": ctx.tenant,
        "SubscriptionReuse": subscription(ctx),
        "ResourceGroupReuse": f"{subscription(ctx)}/{group}",
        "NoReuse": arm_id,
    }
    scope = scopes.get(str(dns.get("domainNameLabelScope")))
    middle = ""
    if scope:
        digest = hashlib.sha256(f"{label}|{scope}".lower().encode()).digest()
        middle = f".{base64.b32encode(digest).decode().lower()[:16]}"
    return f"{label}{middle}.{normal_location(inputs.get('location'))}.cloudapp.azure.com"


@kind
class PublicIPAddress(ArmKind):
    type = PUBLIC_IP
    arm_type = "Microsoft.Network/publicIPAddresses"
    api_version = "2024-05-01"
    path = ("publicIpAddressName",)
    forces_new = frozenset({"publicIPAddressVersion", "publicIPPrefix", "sku"})
    shows = frozenset({"provisioningState", "etag", "resourceGuid"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        sku = record(inputs.get("sku")).get("name") or "Basic"
        if sku == "Basic" and not old:
            # Basic is what an absent sku means; retired on 30 September 2025: skypilot-org/skypilot#7977
            raise ArmError(
                "IPv4BasicSkuPublicIpCountLimitReached",
                "Cannot create more than 0 IPv4 Basic SKU public IP addresses for this subscription in this region.",
            )
        if sku != "Basic" and inputs.get("publicIPAllocationMethod") != "Static":
            # MicrosoftDocs/azure-docs#42889
            raise ArmError(
                "StandardSkuPublicIPAddressesMustBeStatic",
                f"Standard sku publicIp {arm_id} must have AllocationMethod set to Static.",
            )
        label = record(inputs.get("dnsSettings")).get("domainNameLabel")
        if label and not re.fullmatch(LABEL, str(label)):
            # [recalled]
            raise ArmError(
                "InvalidDomainNameLabel",
                f"The domain name label {label} is invalid. It must conform to the following regular expression: "
                f"{LABEL}.",
            )
        name = fqdn(ctx, inputs, arm_id)
        holder = name and any(
            not ids.same(r.id, arm_id) and fqdn(ctx, r.inputs, r.id) == name for r in ctx.find(PUBLIC_IP)
        )
        if holder:
            # microsoft/MCW-Business-continuity-and-disaster-recovery#52
            raise ArmError("DnsRecordInUse", f"DNS record {name} is already used by another public IP.")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        # A static address is chosen once and kept: Korea Central has 20.196.0.0/16 among its ranges.
        digest = hashlib.sha256(f"{res.id.lower()}|{res.created_at}".encode()).digest()
        out: Properties = {
            "ipAddress": res.inputs.get("ipAddress") or f"20.196.{digest[0]}.{digest[1] % 254 + 1}",
            "publicIPAddressVersion": res.inputs.get("publicIPAddressVersion") or "IPv4",
            "idleTimeoutInMinutes": res.inputs.get("idleTimeoutInMinutes") or 4,
            "sku": {"tier": "Regional", **record(res.inputs.get("sku"))},
            "ipTags": res.inputs.get("ipTags") or [],
        }
        name = fqdn(ctx, res.inputs, res.id)
        if name:
            out["dnsSettings"] = {**record(res.inputs.get("dnsSettings")), "fqdn": name}
        holder = next((at for ip, at in used_public_ips(ctx) if ids.same(ip, res.id)), None)
        if holder and "/frontendIPConfigurations/" in holder:
            out["ipConfiguration"] = {"id": holder}
        return out

    def delete(self, ctx: Context, res: Resource) -> None:
        holder = next((at for ip, at in used_public_ips(ctx) if ids.same(ip, res.id)), None)
        if holder:
            # microsoft/AzureTRE#4355
            raise ArmError(
                "PublicIPAddressCannotBeDeleted",
                f"Public IP address {res.id} can not be deleted since it is still allocated to resource {holder}. In "
                "order to delete the public IP, disassociate/detach the Public IP address from the resource.  To learn "
                "how to do this, see aka.ms/deletepublicip.",
            )
