"""azure-native:authorization: role definitions and assignments."""

from __future__ import annotations

from simcloud.azure import ids
from simcloud.azure.base import (
    GROUP,
    OPERATOR_CLIENT_ID,
    OPERATOR_OBJECT_ID,
    ArmKind,
    find_id,
    records,
    subscription,
    timestamp,
)
from simcloud.azure.errors import ArmError, already_exists, resource_group_not_found, resource_not_found
from simcloud.azure.identity import principals
from simcloud.kinds import Context, Function, Properties, Resource, function, kind

ASSIGNMENT = "azure-native:authorization:RoleAssignment"
DEFINITION = "azure-native:authorization:RoleDefinition"

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
BUILT_IN = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "db58b8e5-c6ad-4a2a-8342-4190687cbf4a": "Storage Blob Delegator",
    "17d1049b-9a84-46fb-8f53-869881c3d3ab": "Storage Account Contributor",
    "4d97b98b-1d4f-4787-a291-c67834d212e7": "Network Contributor",
    "befefa01-2a29-4197-83a8-272ff33ce314": "DNS Zone Contributor",
    "b12aa53e-6015-4669-85d0-8515ebb3ae7f": "Private DNS Zone Contributor",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "f1a07417-d97a-45cb-824c-7a7467783830": "Managed Identity Operator",
    "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59": "Managed Identity Contributor",
    "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8": "Azure Kubernetes Service Cluster Admin Role",
    "4abbcc35-e782-43d8-92c5-2d3f1bd2253f": "Azure Kubernetes Service Cluster User Role",
    "ed7f3fbd-7b88-4dd4-9017-9adb7ce333f8": "Azure Kubernetes Service Contributor Role",
    "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b": "Azure Kubernetes Service RBAC Cluster Admin",
    "a7ffa36f-339b-4b5c-8bdf-e2c188b2c0eb": "Azure Kubernetes Service RBAC Writer",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
}


def check_scope(ctx: Context, scope: str) -> None:
    """The scope of a definition or assignment must exist: subscription, group or resource."""
    if scope.lower() == f"/subscriptions/{subscription(ctx)}".lower():
        return
    group = ids.group_of(scope)
    if group is None:
        # [closest] to ARM's answer for a malformed scope
        raise ArmError("InvalidScope", f"The scope '{scope}' is not valid.")
    if not find_id(ctx, GROUP, ids.group_id(subscription(ctx), group)):
        raise resource_group_not_found(group)
    parsed = ids.parse(scope)
    if parsed and not any(ids.same(r.id, scope) for r in ctx.state.all()):
        raise resource_not_found(parsed.arm_type, "/".join(parsed.names), parsed.group)


class _Scoped(ArmKind):
    """Resources that hang on a scope instead of a group."""

    grouped = False
    located = False
    naming = "uuid"
    segment: str = ""

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        scope = str(inputs["scope"]).rstrip("/")
        return f"{scope}/providers/Microsoft.Authorization/{self.segment}/{self.own_name(inputs, name)}"

    def region_of(self, ctx: Context, inputs: Properties) -> str:
        return "global"

    def place(self, ctx: Context, inputs: Properties, arm_id: str) -> None:
        check_scope(ctx, str(inputs["scope"]))
        there = find_id(ctx, self.type, arm_id)
        if there and (there.urn != ctx.urn or there.status == "ready"):
            raise already_exists(arm_id)


def _stamps(res: Resource) -> Properties:
    made = timestamp(res.created_at)
    return {
        "createdBy": OPERATOR_OBJECT_ID,
        "createdOn": made,
        "updatedBy": OPERATOR_OBJECT_ID,
        "updatedOn": made,
    }


@kind
class RoleAssignment(_Scoped):
    type = ASSIGNMENT
    arm_type = "Microsoft.Authorization/roleAssignments"
    api_version = "2022-04-01"
    path = ("scope", "roleAssignmentName")
    forces_new = frozenset({"principalId"})
    regional = False
    segment = "roleAssignments"

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        name = arm_id.rsplit("/", 1)[-1]
        if not ids.is_guid(name):
            # [recalled]
            raise ArmError(
                "InvalidRoleAssignmentId",
                f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID.",
            )
        role = str(inputs.get("roleDefinitionId") or "")
        guid = role.rsplit("/", 1)[-1].lower()
        custom = any(r.id.rsplit("/", 1)[-1].lower() == guid for r in ctx.find(DEFINITION))
        if guid not in BUILT_IN and not custom:
            # Azure/azure-cli#21961, JulianHayward/AzAPICall#23
            raise ArmError(
                "RoleDefinitionDoesNotExist",
                f"The specified role definition with ID '{guid.replace('-', '')}' does not exist.",
            )
        if old and str(old.inputs.get("roleDefinitionId")).rsplit("/", 1)[-1].lower() != guid:
            # Azure-Samples/graphrag-accelerator#168 (the text); that it holds for the role too: (I)
            raise ArmError(
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            )
        principal = str(inputs.get("principalId") or "")
        known = principals(ctx)
        if principal not in known:
            # Azure/HubAndSpokeResearchEnclave#50
            raise ArmError(
                "PrincipalNotFound",
                f"Principal {principal.replace('-', '')} does not exist in the directory {ctx.tenant}. Check that you "
                "have the correct principal ID. If you are creating this principal and then immediately assigning a "
                "role, this error might be related to a replication delay. In this case, set the role assignment "
                "principalType property to a value, such as ServicePrincipal, User, or Group.  See "
                "https://aka.ms/docs-principaltype",
            )
        given = inputs.get("principalType")
        if given and given != known[principal]:
            # [recalled], spelling as the service has it
            raise ArmError(
                "UnmatchedPrincipalType",
                f"The PrincipalId '{principal.replace('-', '')}' has type '{known[principal]}' , which is different "
                f"from specified PrinciaplType '{given}'.",
            )
        triple = (principal, guid, str(inputs["scope"]).lower())
        for other in ctx.find(ASSIGNMENT):
            have = other.inputs
            theirs = str(have.get("roleDefinitionId")).rsplit("/", 1)[-1].lower()
            if (
                not ids.same(other.id, arm_id)
                and (have.get("principalId"), theirs, str(have.get("scope")).lower()) == triple
            ):
                found = other.id.rsplit("/", 1)[-1].replace("-", "")
                # Text with the other one's id: as a public deployment log of 2026 shows it
                raise ArmError(
                    "RoleAssignmentExists",
                    f"The role assignment already exists. The ID of the existing role assignment is {found}.",
                    status=409,
                )
        if inputs.get("condition") and inputs.get("conditionVersion") != "2.0":
            # https://learn.microsoft.com/azure/role-based-access-control/conditions-troubleshoot [closest]
            raise ArmError(
                "InvalidConditionVersion", "The condition version must be '2.0' when a condition is set."
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {**_stamps(res), "principalType": res.inputs.get("principalType") or "ServicePrincipal"}


@kind
class RoleDefinition(_Scoped):
    type = DEFINITION
    arm_type = "Microsoft.Authorization/roleDefinitions"
    api_version = "2022-05-01-preview"
    path = ("scope", "roleDefinitionId")
    regional = False
    segment = "roleDefinitions"

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        name = arm_id.rsplit("/", 1)[-1]
        if not ids.is_guid(name):
            # [closest] as for assignments
            raise ArmError(
                "InvalidRoleDefinitionId",
                f"The role definition ID '{name}' is not valid. The role definition ID must be a GUID.",
            )
        if not inputs.get("assignableScopes"):
            # https://learn.microsoft.com/azure/role-based-access-control/custom-roles#custom-role-properties
            raise ArmError(
                "MissingAssignableScopes", "The role definition must have at least one assignable scope."
            )
        for scope in inputs["assignableScopes"]:
            check_scope(ctx, str(scope))
        for permission in records(inputs.get("permissions")):
            for key in ("actions", "notActions", "dataActions", "notDataActions"):
                for action in permission.get(key) or []:
                    if action != "*" and "/" not in str(action):
                        # .../azure/role-based-access-control/troubleshooting [recalled]
                        raise ArmError(
                            "InvalidActionOrNotAction",
                            f"'{action}' does not match any of the actions supported by the providers.",
                        )
        role = str(inputs.get("roleName") or "")
        taken = role.lower() in {v.lower() for v in BUILT_IN.values()} or any(
            str(r.inputs.get("roleName")).lower() == role.lower() and not ids.same(r.id, arm_id)
            for r in ctx.find(DEFINITION)
        )
        if not role or taken:
            # https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#custom-roles
            raise ArmError(
                "RoleDefinitionWithSameNameExists",
                "A custom role with the same name already exists in this directory. Use a different name.",
                status=409,
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {**_stamps(res), "roleType": res.inputs.get("roleType") or "CustomRole"}

    def delete(self, ctx: Context, res: Resource) -> None:
        guid = res.id.rsplit("/", 1)[-1].lower()
        if any(str(a.inputs.get("roleDefinitionId")).lower().endswith(guid) for a in ctx.find(ASSIGNMENT)):
            # https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#custom-roles
            raise ArmError(
                "RoleDefinitionHasAssignments",
                f"There are existing role assignments referencing role (code: RoleDefinitionHasAssignments): {guid}.",
            )


@function
class GetClientConfig(Function):
    token = "azure-native:authorization:getClientConfig"

    def invoke(self, ctx: Context, args: Properties) -> Properties:
        return {
            "clientId": OPERATOR_CLIENT_ID,
            "objectId": OPERATOR_OBJECT_ID,
            "subscriptionId": subscription(ctx),
            "tenantId": ctx.tenant,
        }
