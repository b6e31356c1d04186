"""Network security groups: each rule by itself, and the group's decisions."""

from __future__ import annotations

from typing import Any

import pytest

from simcloud.azure.firewall import Flow, allows

from .conftest import RG, Azure


def rule(name: str, priority: int, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "priority": priority,
        "direction": "Inbound",
        "access": "Allow",
        "protocol": "Tcp",
        "sourceAddressPrefix": "Internet",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": "443",
        **more,
    }


def group(*rules: dict[str, Any], name: str = "nsg") -> dict[str, Any]:
    return {"resourceGroupName": RG, "networkSecurityGroupName": name, "securityRules": list(rules)}


NSG = "network:NetworkSecurityGroup"


def test_a_group_answers_with_the_default_rules(site: Azure) -> None:
    made = site.make(NSG, group(rule("https", 100), rule("http", 110, destinationPortRange="80")))
    assert [r["name"] for r in made.outputs["securityRules"]] == ["https", "http"]
    assert made.outputs["securityRules"][0]["id"] == f"{made.id}/securityRules/https"
    assert {r["priority"] for r in made.outputs["defaultSecurityRules"]} == {65000, 65001, 65500}


@pytest.mark.parametrize(
    ("bad", "code", "text"),
    [
        ({"priority": 99}, "SecurityRuleInvalidPriority", "Value provided: 99 Allowed range 100-4096."),
        ({"priority": 4097}, "SecurityRuleInvalidPriority", "4097"),
        ({"destinationPortRange": "443-80"}, "SecurityRuleInvalidPortRange", "Value provided: 443-80."),
        ({"destinationPortRange": "70000"}, "SecurityRuleInvalidPortRange", "70000"),
        (
            {"sourceAddressPrefix": "TheInternet"},
            "SecurityRuleInvalidAddressPrefix",
            "Value provided: TheInternet",
        ),
        ({"destinationAddressPrefix": None}, "SecurityRuleParameterIsMissing", "DestinationAddressPrefix"),
        ({"sourcePortRange": None}, "SecurityRuleParameterIsMissing", "SourcePortRange"),
        ({"name": None}, "InvalidRequestFormat", "has no name"),
    ],
)
def test_a_bad_rule(site: Azure, bad: dict[str, Any], code: str, text: str) -> None:
    broken = {k: v for k, v in (rule("r", 100) | bad).items() if v is not None}
    site.refuses(code, text, NSG, group(broken))
    good = rule("r", 4096, destinationPortRange="65200-65535", sourceAddressPrefix="Storage.KoreaCentral")
    site.make(NSG, group(good))


def test_a_priority_is_used_once_a_direction(site: Azure) -> None:
    clash = group(rule("a", 100), rule("b", 100))
    text = "Security rule b conflicts with rule a. Rules cannot have the same Priority and Direction."
    site.refuses("SecurityRuleConflict", text, NSG, clash)
    site.make(NSG, group(rule("a", 100), rule("b", 100, direction="Outbound")))


def test_a_rules_name_is_used_once(site: Azure) -> None:
    site.refuses(
        "InvalidRequestFormat",
        "two child resources with the same name (A)",
        NSG,
        group(rule("a", 100), rule("A", 110)),
    )


def test_a_used_group_stays(site: Azure) -> None:
    made = site.make(NSG, group(rule("https", 100)))
    subnet = site.subnet("s", "172.16.1.0/24", networkSecurityGroup={"id": made.id})
    site.refuses_delete("InUseNetworkSecurityGroupCannotBeDeleted", subnet.id, made)
    site.delete(subnet)
    site.delete(made)


def test_the_first_match_decides() -> None:
    manager = Flow("Inbound", "GatewayManager", (65200, 65535), frozenset({"Internet"}))
    allow = rule("m", 200, sourceAddressPrefix="GatewayManager", destinationPortRange="65200-65535")
    deny = rule("d", 100, access="Deny", sourceAddressPrefix="*", protocol="*", destinationPortRange="*")
    assert not allows([], manager)  # the default denies what is not from the network
    assert allows([allow], manager)
    assert not allows([allow, deny], manager)
    assert allows([allow, {**deny, "priority": 300}], manager)
    assert not allows([{**allow, "destinationPortRange": "65200"}], manager)  # not the whole range
    assert not allows([{**allow, "protocol": "Udp"}], manager)
    assert allows([{**allow, "sourceAddressPrefix": None, "sourceAddressPrefixes": ["Internet"]}], manager)
