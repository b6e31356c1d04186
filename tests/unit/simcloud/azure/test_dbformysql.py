"""MySQL Flexible Servers, databases and parameters."""

from __future__ import annotations

from typing import Any

import pytest

from simcloud import mysql
from simcloud.azure.mysqlparams import PARAMETERS, check_value
from simcloud.kinds import KINDS

from .conftest import NET, RG, Azure
from .test_privatedns import LINK, ZONE, link, zone

SERVER, DATABASE, CONFIG = "dbformysql:Server", "dbformysql:Database", "dbformysql:Configuration"
DELEGATION = "Microsoft.DBforMySQL/flexibleServers"
SUBNET = f"{NET}/virtualNetworks/vnet/subnets/snet-db"
PASSWORD = "Correct-Horse-9"


def zone_id(name: str = "blue.mysql.database.azure.com") -> str:
    return f"{NET}/privateDnsZones/{name}"


def server(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "resourceGroupName": RG,
        "serverName": "blue-mysql-dr",
        "version": "8.0.21",
        "sku": {"name": "Standard_B2s", "tier": "Burstable"},
        "administratorLogin": "planbadmin",
        "administratorLoginPassword": PASSWORD,
        "storage": {"storageSizeGB": 20, "autoGrow": "Enabled"},
        "backup": {"backupRetentionDays": 7},
        "network": {"delegatedSubnetResourceId": SUBNET, "privateDnsZoneResourceId": zone_id()},
    }
    return {k: v for k, v in (given | changes).items() if v is not None}


def general(**ha: Any) -> dict[str, Any]:
    return {"sku": {"name": "Standard_D2ds_v4", "tier": "GeneralPurpose"}, "highAvailability": ha}


@pytest.fixture
def ready(site: Azure) -> Azure:
    """A network with the delegated subnet and the linked zone."""
    site.subnet("snet-db", "172.16.31.0/24", delegation=DELEGATION)
    site.make(ZONE, zone(), "z")
    site.make(LINK, link(), "l")
    return site


def test_a_server_is_a_real_one(ready: Azure) -> None:
    made = ready.make(SERVER, server())
    (call,) = ready.called("mysql.create")
    assert call[0] == ("azure-blue-mysql-dr",)
    assert call[1] == {
        "flavour": "azure",
        "version": "8.0.21",
        "admin": "planbadmin",
        "password": PASSWORD,
        "region": "koreacentral",
        "parameters": {},
    }
    assert made.outputs["fullyQualifiedDomainName"] == "127.77.3.11"
    assert made.outputs["network"]["publicNetworkAccess"] == "Disabled"
    assert made.outputs["storage"]["iops"] == 360
    assert "administratorLoginPassword" not in made.outputs
    kind = KINDS[made.type]
    assert kind.read(ready.ctx(), made) == made.outputs
    ready.world.mysql._answers["exists"] = False
    assert kind.read(ready.ctx(), made) is None
    ready.delete(made)
    assert ready.called("mysql.delete") == [(("azure-blue-mysql-dr",), {})]


def test_a_new_password_reaches_the_server(ready: Azure) -> None:
    made = ready.make(SERVER, server())
    ready.change(made, tags={"a": "b"})
    assert not ready.called("mysql.update")
    ready.change(made, administratorLoginPassword="Another-Horse-8")
    (call,) = ready.called("mysql.update")
    assert call[1] == {"password": "Another-Horse-8", "admin": "planbadmin"}


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        ({"sku": {"name": "Standard_B2s", "tier": "GeneralPurpose"}}, "parameter Sku.Name"),
        ({"sku": {"name": "Standard_D2ds_v4", "tier": "Burstable"}}, "parameter Sku.Name"),
        ({"version": "8.4"}, "parameter Version"),
        ({"administratorLogin": "admin"}, "parameter administratorLogin"),
        ({"administratorLogin": "root"}, "parameter administratorLogin"),
        ({"administratorLogin": None}, "parameter administratorLogin"),
        ({"administratorLoginPassword": "short1A"}, "parameter administratorLoginPassword"),
        ({"administratorLoginPassword": "alllowercase"}, "parameter administratorLoginPassword"),
        ({"administratorLoginPassword": "Planbadmin-1"}, "parameter administratorLoginPassword"),
        ({"storage": {"storageSizeGB": 10}}, "parameter storageSizeGB"),
        ({"storage": {"storageSizeGB": 16385}}, "parameter storageSizeGB"),
        ({"backup": {"backupRetentionDays": 36}}, "parameter backupRetentionDays"),
        ({"serverName": "Blue"}, "parameter serverName"),
        (
            {"highAvailability": {"mode": "ZoneRedundant"}},
            "High availability is not supported for Burstable tier",
        ),
        (
            general(mode="SameZone", standbyAvailabilityZone="2") | {"availabilityZone": "1"},
            "parameter standbyAvailabilityZone",
        ),
        (
            general(mode="ZoneRedundant", standbyAvailabilityZone="1") | {"availabilityZone": "1"},
            "parameter standbyAvailabilityZone",
        ),
        (general(mode="ZoneRedundant") | {"storage": {"autoGrow": "Disabled"}}, "parameter storage.autoGrow"),
        ({"network": {"delegatedSubnetResourceId": SUBNET}}, "parameter privateDnsZoneResourceId"),
    ],
)
def test_a_server_that_azure_refuses(ready: Azure, bad: dict[str, Any], text: str) -> None:
    ready.refuses("InvalidParameterValue", text, SERVER, server(**bad))
    ready.make(SERVER, server())


def test_high_availability_is_chosen_at_creation(ready: Azure) -> None:
    given = server(**general(mode="ZoneRedundant", standbyAvailabilityZone="2"), availabilityZone="1")
    assert KINDS[f"azure-native:{SERVER}"].latency_of(given) == "mysql_flexible_ha"  # type: ignore[attr-defined]
    assert KINDS[f"azure-native:{SERVER}"].latency_of(server()) == "mysql_flexible"  # type: ignore[attr-defined]
    made = ready.make(SERVER, given)
    assert made.outputs["highAvailability"]["state"] == "Healthy"
    off = ready.change(made, highAvailability={"mode": "Disabled"})
    ready.refuses_change(
        "InvalidParameterValue", "highAvailability.mode", off, highAvailability={"mode": "ZoneRedundant"}
    )


def test_storage_only_grows(ready: Azure) -> None:
    made = ready.make(SERVER, server(storage={"storageSizeGB": 64}))
    ready.refuses_change("InvalidParameterValue", "storageSizeGB", made, storage={"storageSizeGB": 32})
    ready.change(made, storage={"storageSizeGB": 128})


def test_a_name_is_used_once_in_all_of_azure(ready: Azure) -> None:
    ready.make(SERVER, server())
    ready.make("resources:ResourceGroup", {"resourceGroupName": "rg-2", "location": "koreacentral"}, "rg2")
    twin = server() | {"resourceGroupName": "rg-2"}
    ready.refuses("ServerNameAlreadyExists", "Specified server name is already used.", SERVER, twin, "twin")


def test_the_subnet_must_be_the_databases_own(site: Azure) -> None:
    site.make(ZONE, zone(), "z")
    site.make(LINK, link(), "l")
    site.refuses("InvalidResourceReference", SUBNET, SERVER, server())
    subnet = site.subnet("snet-db", "172.16.31.0/24")
    site.refuses("InvalidParameterValue", "delegatedSubnetResourceId", SERVER, server())
    site.change(subnet, delegations=[{"name": "d", "serviceName": DELEGATION}])
    site.make(SERVER, server())


def test_the_subnet_is_in_the_servers_region(ready: Azure) -> None:
    ready.refuses(
        "InvalidResourceReference",
        "both resources are in the same region",
        SERVER,
        server(location="koreasouth"),
    )


@pytest.mark.parametrize(
    "name", ["blue.internal", "blue-mysql-dr.mysql.database.azure.com", "mysql.database.azure.com"]
)
def test_names_of_private_zones(ready: Azure, name: str) -> None:
    ready.make(ZONE, zone(name), name)
    network = {"delegatedSubnetResourceId": SUBNET, "privateDnsZoneResourceId": zone_id(name)}
    text = "It must end with 'mysql.database.azure.com'"
    ready.refuses("InvalidPrivateDnsZoneName", text, SERVER, server(network=network))


def test_the_zone_must_exist_and_be_linked(site: Azure) -> None:
    site.subnet("snet-db", "172.16.31.0/24", delegation=DELEGATION)
    site.refuses("ResourceNotFound", "Microsoft.Network/privateDnsZones/blue.mysql", SERVER, server())
    site.make(ZONE, zone(), "z")
    site.refuses("VnetNotLinkedToPrivateDnsZone", "is not linked to the private DNS zone", SERVER, server())
    linked = site.make(LINK, link(), "l")
    linked.status = "creating"
    site.state.put(linked)
    site.refuses("VnetNotLinkedToPrivateDnsZone", "is not linked", SERVER, server())  # not yet
    linked.status = "ready"
    site.state.put(linked)
    made = site.make(SERVER, server())
    network = {
        "delegatedSubnetResourceId": SUBNET,
        "privateDnsZoneResourceId": zone_id("x.mysql.database.azure.com"),
    }
    site.refuses_change("InvalidParameterValue", "privateDnsZoneResourceId", made, network=network)


def child(key: str, name: str, **more: Any) -> dict[str, Any]:
    return {"resourceGroupName": RG, "serverName": "blue-mysql-dr", key: name, **more}


def test_a_database_is_created_and_dropped(ready: Azure) -> None:
    ready.refuses(
        "ParentResourceNotFound", "'blue-mysql-dr' not found", DATABASE, child("databaseName", "petclinic")
    )
    ready.make(SERVER, server(), "s")
    for bad in ({"charset": "klingon"}, {"charset": "utf8mb4", "collation": "latin1_swedish_ci"}):
        ready.refuses(
            "InvalidParameterValue", "parameter c", DATABASE, child("databaseName", "petclinic", **bad)
        )
    ready.refuses("InvalidParameterValue", "databaseName", DATABASE, child("databaseName", "mysql"))
    made = ready.make(DATABASE, child("databaseName", "petclinic", charset="utf8mb4"))
    args = ("azure-blue-mysql-dr", "petclinic", "utf8mb4", "utf8mb4_0900_ai_ci")
    assert ready.called("mysql.create_database") == [(args, {})]
    ready.delete(made)
    assert ready.called("mysql.drop_database") == [(("azure-blue-mysql-dr", "petclinic"), {})]


def test_parameters_reach_the_server(ready: Azure) -> None:
    ready.make(SERVER, server(), "s")
    name = "sql_generate_invisible_primary_key"
    given = child("configurationName", name, value="OFF", source="user-override")
    made = ready.make(CONFIG, given)
    assert ready.called("mysql.set_parameter") == [(("azure-blue-mysql-dr", name, "OFF"), {})]
    assert made.outputs["defaultValue"] == "ON"
    other = given | {"value": "MAYBE", "configurationName": "event_scheduler"}
    ready.refuses("InvalidParameterValue", "event_scheduler", CONFIG, other, "y")
    ready.change(made, value="ON")
    ready.delete(made)  # the API has no such call: the value stays
    assert len(ready.called("mysql.set_parameter")) == 2


def test_parameters_that_are_not_there_or_fixed(ready: Azure) -> None:
    ready.make(SERVER, server(), "s")
    text = "The configuration 'super_read_only' does not exist for blue-mysql-dr server version 8.0.21."
    ready.refuses(
        "ConfigurationNotExists", text, CONFIG, child("configurationName", "super_read_only", value="ON")
    )
    fixed = child("configurationName", "lower_case_table_names", value="2")
    ready.refuses("ConfigurationReadOnly", "'lower_case_table_names' is(are) read-only", CONFIG, fixed)


def test_settable_parameters_are_those_that_the_world_passes_on() -> None:
    settable = {name for name, parameter in PARAMETERS.items() if not parameter.read_only}
    assert settable <= mysql.PASSED_ON | mysql.OURS


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("require_secure_transport", "OFF", "yes"),
        ("max_allowed_packet", "1073741824", "1073741825"),
        ("max_connections", "341", "3.5"),
        ("long_query_time", "2.5", "-1"),
        ("time_zone", "+09:00", "9"),
        ("time_zone", "Asia/Seoul", "seoul!"),
        ("character_set_server", "utf8mb4", "utf9"),
    ],
)
def test_values_of_parameters(name: str, good: str, bad: str) -> None:
    assert check_value(PARAMETERS[name], good)
    assert not check_value(PARAMETERS[name], bad)
    assert check_value(PARAMETERS[name], PARAMETERS[name].default)
