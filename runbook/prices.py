"""List prices that cost sums are made of: a dated snapshot, retail, USD, without tax.

From AWS's and Azure's public price pages as collected in November 2026 (design/CLOUD_FACTS A13); lines whose
price was not read from a public list say so. `HOURS` is the month both clouds bill by.
"""

from __future__ import annotations

SNAPSHOT = "2026-11"
HOURS = 730

AZURE: dict[str, float] = {
    # Korea Central
    "blob_hot_lrs_gb_month": 0.020,
    "blob_write_10k": 0.05,
    "blob_read_10k": 0.004,
    "private_dns_zone_month": 0.50,
    "public_ip_standard_hour": 0.005,
    "load_balancer_standard_hour": 0.025,
    "aks_free_tier_hour": 0.0,
    "mysql_storage_gb_month": 0.138,  # US figure; Korea's was not found
    "container_vcpu_hour": 0.0486,  # Linux container group, from memory
    "container_gb_hour": 0.0054,
    "nat_gateway_hour": 0.045,
}

AZURE_MYSQL_HOUR: dict[str, float] = {
    "Standard_B1ms": 0.026,
    "Standard_B2s": 0.104,
    "Standard_D2ds_v4": 2 * 0.118,
    "Standard_D2ds_v5": 2 * 0.118,
    "Standard_D4ds_v5": 4 * 0.118,
}

AZURE_VM_HOUR: dict[str, float] = {
    "Standard_B2s": 0.052,  # from memory
    "Standard_B2ms": 0.104,
    "Standard_D2s_v5": 0.118,
}

AZURE_GATEWAY_HOUR: dict[str, float] = {"Standard_v2": 0.27, "Basic": 0.0225, "WAF_v2": 0.486}
AZURE_GATEWAY_UNIT_HOUR = 0.008
