"""Public IP addresses and their DNS labels."""

from __future__ import annotations

import re
from typing import Any

from .conftest import RG, Azure

PIP = "network:PublicIPAddress"


def pip(label: str | None = None, scope: str | None = None, *, name: str = "pip") -> dict[str, Any]:
    dns = {k: v for k, v in {"domainNameLabel": label, "domainNameLabelScope": scope}.items() if v}
    return {
        "resourceGroupName": RG,
        "publicIpAddressName": name,
        "sku": {"name": "Standard"},
        "publicIPAllocationMethod": "Static",
        **({"dnsSettings": dns} if dns else {}),
    }


def test_basic_addresses_are_gone(azure: Azure) -> None:
    azure.group()
    given = {k: v for k, v in pip().items() if k != "sku"}
    azure.refuses(
        "IPv4BasicSkuPublicIpCountLimitReached", "Cannot create more than 0 IPv4 Basic SKU", PIP, given
    )
    made = azure.make(PIP, pip())
    assert re.fullmatch(r"20\.196\.\d+\.\d+", made.outputs["ipAddress"])


def test_a_standard_address_is_static(azure: Azure) -> None:
    azure.group()
    code = "StandardSkuPublicIPAddressesMustBeStatic"
    azure.refuses(
        code,
        "must have AllocationMethod set to Static.",
        PIP,
        {**pip(), "publicIPAllocationMethod": "Dynamic"},
    )


def test_a_label_is_checked_and_unique(azure: Azure) -> None:
    azure.group()
    azure.refuses("InvalidDomainNameLabel", "The domain name label Blue is invalid.", PIP, pip("Blue"))
    made = azure.make(PIP, pip("blue-dr"), "a")
    assert made.outputs["dnsSettings"]["fqdn"] == "blue-dr.koreacentral.cloudapp.azure.com"
    text = "DNS record blue-dr.koreacentral.cloudapp.azure.com is already used by another public IP."
    azure.refuses("DnsRecordInUse", text, PIP, pip("blue-dr", name="pip2"), "b")


def test_a_scope_puts_a_hash_into_the_name(azure: Azure) -> None:
    azure.group()
    made = azure.make(PIP, pip("blue-dr", "TenantReuse"))
    name = made.outputs["dnsSettings"]["fqdn"]
    assert re.fullmatch(r"blue-dr\.[a-z2-7]{16}\.koreacentral\.cloudapp\.azure\.com", name)
    azure.delete(made)
    again = azure.make(PIP, pip("blue-dr", "TenantReuse", name="pip2"))
    assert again.outputs["dnsSettings"]["fqdn"] == name  # the tenant gets its old name back
    other = azure.make(PIP, pip("blue-dr", "SubscriptionReuse", name="pip3"), "c")
    assert other.outputs["dnsSettings"]["fqdn"] != name
