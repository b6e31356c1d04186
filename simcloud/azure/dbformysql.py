"""azure-native:dbformysql: Flexible Servers, databases and server parameters, over a real MySQL each.

Microsoft publishes no list of this service's refusals; most come as the generic InvalidParameterValue with the name of
the parameter (errors.invalid_parameter). Rules: MicrosoftDocs/azure-databases-docs articles/mysql/flexible-server.
"""

from __future__ import annotations

import re

from simcloud.azure import ids
from simcloud.azure.base import IDENTITY, ArmKind, find_id, normal_location, record, user_assigned
from simcloud.azure.errors import (
    ArmError,
    identity_not_found,
    invalid_parameter,
    invalid_reference,
    resource_not_found,
)
from simcloud.azure.mysqlparams import PARAMETERS, check_value
from simcloud.azure.privatedns import ZONE, links_of
from simcloud.azure.topology import MYSQL, find_subnet, occupants
from simcloud.kinds import Context, Properties, Resource, kind

DELEGATION = "Microsoft.DBforMySQL/flexibleServers"
SUFFIX = "mysql.database.azure.com"

# concepts-service-tiers-storage.md: which sizes each tier has.
SKUS = {
    "Burstable": r"Standard_B(1s|1ms|2s|2ms|4ms|8ms|12ms|16ms|20ms)",
    "GeneralPurpose": r"Standard_D(2|4|8|16|32|48|64)(ds_v4|ads_v5|ds_v5|ads_v6|ds_v6)",
    "MemoryOptimized": r"Standard_E(2|4|8|16|20|32|48|64|80i|96)(ds_v4|ds_v5|ads_v5|ads_v6|ds_v6|s_v4)",
}
VERSIONS = frozenset({"5.7", "8.0.21"})
"""What API 2024-02-01-preview takes; 8.4 needs 2024-12-30 (Azure/azure-rest-api-specs#38382, #32480)."""

RESERVED_LOGINS = frozenset(
    {"azure_superuser", "azuresu", "admin", "administrator", "root", "guest", "public", "sa"}
)

# Default collation first. https://dev.mysql.com/doc/refman/8.0/en/charset-charsets.html
CHARSETS = {
    "utf8mb4": ("utf8mb4_0900_ai_ci", "utf8mb4_"),
    "utf8mb3": ("utf8mb3_general_ci", "utf8mb3_"),
    "utf8": ("utf8_general_ci", "utf8_"),
    "latin1": ("latin1_swedish_ci", "latin1_"),
    "ascii": ("ascii_general_ci", "ascii_"),
    "euckr": ("euckr_korean_ci", "euckr_"),
    "binary": ("binary", "binary"),
}


def world_id(arm_id: str) -> str:
    """The server's id in the world: names are unique across Azure, and safe as a directory."""
    return f"azure-{arm_id.split('/flexibleServers/', 1)[-1].split('/', 1)[0].lower()}"


def complex_enough(password: str, login: str) -> bool:
    """8 to 128 characters of three kinds out of four, without the login (how-to-create-portal)."""
    kinds = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]")
    varied = sum(bool(re.search(k, password)) for k in kinds) >= 3
    return 8 <= len(password) <= 128 and varied and login.lower() not in password.lower()


def wants_ha(inputs: Properties) -> bool:
    return record(inputs.get("highAvailability")).get("mode") in {"ZoneRedundant", "SameZone"}


@kind
class Server(ArmKind):
    type = MYSQL
    arm_type = "Microsoft.DBforMySQL/flexibleServers"
    api_version = "2024-02-01-preview"
    path = ("serverName",)
    latency = "mysql_flexible"
    delete_latency = "mysql_delete"
    update_latency = "mysql_parameter"
    # x-ms-mutability in Microsoft.DBforMySQL FlexibleServers.json: create (and read) only
    forces_new = frozenset(
        {
            "administratorLogin",
            "createMode",
            "restorePointInTime",
            "sourceServerResourceId",
            "importSourceProperties",
        }
    )
    shows = frozenset({"systemData"})

    def latency_of(self, inputs: Properties) -> str | None:
        """The latency row for these inputs: a standby doubles the work."""
        return "mysql_flexible_ha" if wants_ha(inputs) else "mysql_flexible"

    def place(self, ctx: Context, inputs: Properties, arm_id: str) -> None:
        super().place(ctx, inputs, arm_id)
        name = arm_id.rsplit("/", 1)[-1].lower()
        if any(
            r.id.rsplit("/", 1)[-1].lower() == name and not ids.same(r.id, arm_id) for r in ctx.find(MYSQL)
        ):
            # [recalled]; the name is a host name below mysql.database.azure.com
            raise ArmError("ServerNameAlreadyExists", "Specified server name is already used.", status=409)

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        self.check_compute(inputs)
        self.check_login(inputs, old)
        self.check_storage(inputs, old)
        self.check_availability(inputs, old)
        self.check_network(ctx, inputs, arm_id, old)
        for identity in user_assigned(inputs.get("identity")):
            if not find_id(ctx, IDENTITY, identity):
                raise identity_not_found(arm_id, identity)
        days = record(inputs.get("backup")).get("backupRetentionDays")
        if days is not None and not 1 <= days <= 35:  # concepts-backup-restore.md
            raise invalid_parameter("backupRetentionDays")

    def check_compute(self, inputs: Properties) -> None:
        sku = record(inputs.get("sku"))
        pattern = SKUS.get(str(sku.get("tier")))
        if not pattern:
            raise invalid_parameter("Tier")  # Azure/azure-sdk-for-python#44200
        if not re.fullmatch(pattern, str(sku.get("name"))):
            raise invalid_parameter("Sku.Name")
        if inputs.get("version") is not None and inputs["version"] not in VERSIONS:
            raise invalid_parameter("Version")

    def check_login(self, inputs: Properties, old: Resource | None) -> None:
        if inputs.get("createMode") not in (None, "Default"):
            return
        login = str(inputs.get("administratorLogin") or "")
        if not old and (
            not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,31}", login) or login.lower() in RESERVED_LOGINS
        ):
            raise invalid_parameter("administratorLogin")
        password = inputs.get("administratorLoginPassword")
        if (not old or password) and not complex_enough(str(password or ""), login):
            raise invalid_parameter("administratorLoginPassword")

    def check_storage(self, inputs: Properties, old: Resource | None) -> None:
        size = record(inputs.get("storage")).get("storageSizeGB")
        if size is not None and not 20 <= size <= 16384:  # concepts-service-tiers-storage.md
            raise invalid_parameter("storageSizeGB")
        was = record(old.inputs.get("storage")).get("storageSizeGB") if old else None
        if size is not None and was is not None and size < was:  # storage can only grow (same page)
            raise invalid_parameter("storageSizeGB")

    def check_availability(self, inputs: Properties, old: Resource | None) -> None:
        ha = record(inputs.get("highAvailability"))
        mode = ha.get("mode") or "Disabled"
        if mode == "Disabled":
            return
        if record(inputs.get("sku")).get("tier") == "Burstable":
            # Text: Azure CLI's mysql flexible-server validators; rule: concepts-high-availability.md ("The burstable
            # compute tier doesn't support high-availability"). The service's own code was not found [closest].
            raise ArmError("InvalidParameterValue", "High availability is not supported for Burstable tier")
        before = record(old.inputs.get("highAvailability")).get("mode") if old else None
        if old and mode == "ZoneRedundant" and before != "ZoneRedundant":
            # concepts-high-availability.md: zone redundancy only at creation
            raise invalid_parameter("highAvailability.mode")
        zone, standby = inputs.get("availabilityZone"), ha.get("standbyAvailabilityZone")
        if zone and standby and (zone == standby) != (mode == "SameZone"):
            # hashicorp/terraform#31882
            raise invalid_parameter("standbyAvailabilityZone")
        if record(inputs.get("storage")).get("autoGrow") == "Disabled":
            raise invalid_parameter("storage.autoGrow")  # auto-grow is on for HA servers (same page)

    def check_network(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        network = record(inputs.get("network"))
        subnet_id, zone_id = network.get("delegatedSubnetResourceId"), network.get("privateDnsZoneResourceId")
        if old:
            before = record(old.inputs.get("network"))
            for key in ("delegatedSubnetResourceId", "privateDnsZoneResourceId"):
                if not ids.same(before.get(key) or "", network.get(key) or ""):
                    # concepts-networking-vnet.md: neither can change after creation
                    raise invalid_parameter(key)
        if not subnet_id:
            return
        subnet = find_subnet(ctx, subnet_id)
        if not subnet or subnet.location != normal_location(inputs.get("location")):
            raise invalid_reference(str(subnet_id), arm_id)
        foreign = [o for o in occupants(ctx, subnet.id) if o.owner.type != MYSQL]
        narrow = any(p.prefixlen > 29 for p in subnet.prefixes)
        if DELEGATION not in subnet.delegations or foreign or narrow:
            # concepts-networking-vnet.md: delegated, nothing else in it, /29 or larger
            raise invalid_parameter("delegatedSubnetResourceId")
        self.check_zone(ctx, zone_id, subnet.vnet.id, arm_id)

    def check_zone(self, ctx: Context, zone_id: object, vnet_id: str, arm_id: str) -> None:
        if not zone_id:  # required by the API when a subnet is given (same page)
            raise invalid_parameter("privateDnsZoneResourceId")
        parsed = ids.parse(zone_id)
        zone = find_id(ctx, ZONE, zone_id)
        if not parsed or not zone:
            raise resource_not_found(
                "Microsoft.Network/privateDnsZones",
                parsed.name if parsed else str(zone_id),
                parsed.group if parsed else "",
            )
        server = arm_id.rsplit("/", 1)[-1]
        own = f"{server}.{SUFFIX}"
        name = parsed.name.lower()
        if not name.endswith(f".{SUFFIX}") or "_" in name or name == own:
            # Azure/azure-quickstart-templates#12423 (the service leaves its placeholders; filled in here)
            raise ArmError(
                "InvalidPrivateDnsZoneName",
                f"The Private DNS Zone name provided is invalid. It must end with '{SUFFIX}', and shouldn't contain "
                f"underscore. Currently we do not support {own} as the private dns zone name either.",
            )
        linked = [
            link
            for link in links_of(ctx, zone.id)
            if ids.same(record(link.inputs.get("virtualNetwork")).get("id"), vnet_id)
            and link.status == "ready"
        ]
        if not linked:
            # Code: hashicorp/terraform-provider-azurerm#28079; text [closest]
            raise ArmError(
                "VnetNotLinkedToPrivateDnsZone",
                f"The virtual network '{vnet_id}' is not linked to the private DNS zone '{zone.id}'.",
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        inputs = res.inputs
        network, storage = record(inputs.get("network")), record(inputs.get("storage"))
        ha, size = record(inputs.get("highAvailability")), storage.get("storageSizeGB") or 32
        out: Properties = {
            "state": "Ready",
            "replicationRole": inputs.get("replicationRole") or "None",
            "replicaCapacity": 10,
            "version": inputs.get("version") or "5.7",
            "availabilityZone": inputs.get("availabilityZone") or "1",
            "privateEndpointConnections": [],
            "storage": {
                "autoGrow": "Enabled",
                "autoIoScaling": "Disabled",
                "logOnDisk": "Disabled",
                "iops": 300 + 3 * int(size),  # concepts-service-tiers-storage.md: base plus 3 for each GiB
                "storageSku": "Premium_LRS",
                **storage,
                "storageSizeGB": size,
            },
            "backup": {
                "backupRetentionDays": 7,
                "geoRedundantBackup": "Disabled",
                **record(inputs.get("backup")),
            },
            "highAvailability": {
                "mode": "Disabled",
                **ha,
                "state": "Healthy" if wants_ha(inputs) else "NotEnabled",
            },
        }
        private = bool(network.get("delegatedSubnetResourceId"))
        out["network"] = {**network, "publicNetworkAccess": "Disabled" if private else "Enabled"}
        return out

    # -- the real thing --

    def create(self, ctx: Context, res: Resource) -> Properties:
        endpoint = ctx.world.mysql.create(
            world_id(res.id),
            flavour="azure",
            version=str(res.inputs.get("version") or "5.7"),
            admin=str(res.inputs.get("administratorLogin")),
            password=str(res.inputs.get("administratorLoginPassword")),
            region=normal_location(res.inputs.get("location")),
            parameters={},
        )
        # In Azure this is <server>.mysql.database.azure.com. MySQL is not HTTP, so no proxy can lead that name to the
        # server, and nothing on this machine resolves it: the server's own loopback address stands in its place.
        return {"fullyQualifiedDomainName": endpoint.host}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        password = res.inputs.get("administratorLoginPassword")
        if password and password != old.inputs.get("administratorLoginPassword"):
            admin = str(res.inputs.get("administratorLogin"))
            ctx.world.mysql.update(world_id(res.id), password=str(password), admin=admin)
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        ctx.world.mysql.delete(world_id(res.id))

    def read(self, ctx: Context, res: Resource) -> Properties | None:
        return res.outputs if ctx.world.mysql.exists(world_id(res.id)) else None


@kind
class Database(ArmKind):
    type = "azure-native:dbformysql:Database"
    arm_type = "Microsoft.DBforMySQL/flexibleServers/databases"
    api_version = "2023-12-30"
    path = ("serverName", "databaseName")
    naming = "copy"
    parent = MYSQL
    located = False
    shows = frozenset({"systemData"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        charset, collation = self.pair(inputs)
        if charset not in CHARSETS:
            raise invalid_parameter("charset")
        if not collation.startswith(CHARSETS[charset][1]):
            raise invalid_parameter("collation")
        if old and (charset, collation) != self.pair(old.inputs):
            raise invalid_parameter("charset")  # databases are not altered through the API

    def pair(self, inputs: Properties) -> tuple[str, str]:
        charset = str(inputs.get("charset") or "utf8mb4").lower()
        collation = inputs.get("collation") or CHARSETS.get(charset, ("", ""))[0]
        return charset, str(collation).lower()

    def shown(self, ctx: Context, res: Resource) -> Properties:
        charset, collation = self.pair(res.inputs)
        return {"charset": charset, "collation": collation}

    def create(self, ctx: Context, res: Resource) -> Properties:
        charset, collation = self.pair(res.inputs)
        name = res.id.rsplit("/", 1)[-1]
        ctx.world.mysql.create_database(world_id(res.id), name, charset, collation)
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        if ctx.world.mysql.exists(world_id(res.id)):
            ctx.world.mysql.drop_database(world_id(res.id), res.id.rsplit("/", 1)[-1])


@kind
class Configuration(ArmKind):
    type = "azure-native:dbformysql:Configuration"
    arm_type = "Microsoft.DBforMySQL/flexibleServers/configurations"
    api_version = "2023-12-30"
    path = ("serverName", "configurationName")
    naming = "copy"
    parent = MYSQL
    located = False
    latency = "mysql_parameter"
    shows = frozenset({"systemData"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        server = self.parent_of(ctx, inputs)
        version = str(server.get("version")) if server else ""
        name = arm_id.rsplit("/", 1)[-1]
        parameter = PARAMETERS.get(name)
        if not parameter:
            # Azure/azure-cli#30691
            raise ArmError(
                "ConfigurationNotExists",
                f"The configuration '{name}' does not exist for {inputs.get('serverName')} server version {version}.",
            )
        if parameter.read_only:
            # Azure/azure-mysql#295
            raise ArmError(
                "ConfigurationReadOnly",
                f"The configuration(s) '{name}' is(are) read-only for 0 server version {version}.",
            )
        if inputs.get("value") is not None and not check_value(parameter, str(inputs["value"])):
            raise invalid_parameter(name)

    def _value(self, res: Resource) -> str:
        value = res.inputs.get("value")
        return str(value) if value is not None else PARAMETERS[res.id.rsplit("/", 1)[-1]].default

    def shown(self, ctx: Context, res: Resource) -> Properties:
        name = res.id.rsplit("/", 1)[-1]
        parameter = PARAMETERS[name]
        return {
            "value": self._value(res),
            "currentValue": self._value(res),
            "defaultValue": parameter.default,
            "allowedValues": parameter.allowed,
            "dataType": parameter.kind,
            "description": parameter.about,
            "documentationLink": f"https://dev.mysql.com/doc/refman/8.0/en/server-system-variables.html#sysvar_{name}",
            "isDynamicConfig": "True" if parameter.dynamic else "False",
            "isReadOnly": "False",
            "isConfigPendingRestart": "False",
            "source": res.inputs.get("source") or "user-override",
        }

    def _set(self, ctx: Context, res: Resource) -> None:
        ctx.world.mysql.set_parameter(world_id(res.id), res.id.rsplit("/", 1)[-1], self._value(res))

    def create(self, ctx: Context, res: Resource) -> Properties:
        self._set(ctx, res)
        return {}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        self._set(ctx, res)
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        """The API has no DELETE for a parameter: azure-native forgets it and the value stays."""
