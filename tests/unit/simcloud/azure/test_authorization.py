"""Role definitions and assignments."""

from __future__ import annotations

from typing import Any

from .conftest import RG, TOP, Azure

ASSIGNMENT, DEFINITION = "authorization:RoleAssignment", "authorization:RoleDefinition"
READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
NAME = "7d6f5b0a-0000-4000-8000-000000000001"
SUB = TOP.split("/resourceGroups", 1)[0]


def assignment(principal: str, **changes: Any) -> dict[str, Any]:
    return {
        "roleAssignmentName": NAME,
        "scope": TOP,
        "principalId": principal,
        "principalType": "ServicePrincipal",
        "roleDefinitionId": f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/{READER}",
        **changes,
    }


def definition(**changes: Any) -> dict[str, Any]:
    actions = ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action"]
    return {
        "roleDefinitionId": "7d6f5b0a-0000-4000-8000-0000000000aa",
        "roleName": "Backup writer",
        "scope": TOP,
        "assignableScopes": [TOP],
        "permissions": [{"actions": [], "dataActions": actions}],
        **changes,
    }


def test_an_assignment_is_checked_in_every_part(azure: Azure) -> None:
    azure.group()
    principal = azure.identity().outputs["principalId"]
    good = assignment(principal)
    azure.refuses(
        "InvalidRoleAssignmentId",
        "'reader' is not valid",
        ASSIGNMENT,
        good | {"roleAssignmentName": "reader"},
    )
    unknown = f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-4000-8000-00000000dead"
    text = "The specified role definition with ID '0000000000004000800000000000dead' does not exist."
    azure.refuses("RoleDefinitionDoesNotExist", text, ASSIGNMENT, good | {"roleDefinitionId": unknown})
    stranger = "00000000-0000-4000-8000-00000000beef"
    azure.refuses("PrincipalNotFound", "does not exist in the directory", ASSIGNMENT, assignment(stranger))
    azure.refuses(
        "UnmatchedPrincipalType", "has type 'ServicePrincipal'", ASSIGNMENT, good | {"principalType": "User"}
    )
    azure.refuses(
        "InvalidConditionVersion", "2.0", ASSIGNMENT, good | {"condition": "(1)", "conditionVersion": "1.0"}
    )
    made = azure.make(ASSIGNMENT, good)
    assert made.id == f"{TOP}/providers/Microsoft.Authorization/roleAssignments/{NAME}"
    assert made.region == "global"
    twin = good | {"roleAssignmentName": NAME.replace("01", "02")}
    azure.refuses("RoleAssignmentExists", "The role assignment already exists.", ASSIGNMENT, twin, "twin")


def test_a_scope_must_exist(azure: Azure) -> None:
    azure.group()
    principal = azure.identity().outputs["principalId"]
    given = assignment(principal, scope=f"{SUB}/resourceGroups/none")
    azure.refuses("ResourceGroupNotFound", "'none'", ASSIGNMENT, given)
    account = f"{TOP}/providers/Microsoft.Storage/storageAccounts/bloberry01"
    azure.refuses(
        "ResourceNotFound",
        "Microsoft.Storage/storageAccounts/bloberry01",
        ASSIGNMENT,
        given | {"scope": account},
    )
    azure.refuses("InvalidScope", "'nowhere'", ASSIGNMENT, given | {"scope": "nowhere"})
    azure.make(ASSIGNMENT, given | {"scope": SUB})


def test_a_name_is_made_up_as_a_guid(azure: Azure) -> None:
    azure.group()
    given = assignment(azure.identity().outputs["principalId"])
    del given["roleAssignmentName"]
    assert len(azure.make(ASSIGNMENT, given).outputs["name"]) == 36


def test_a_custom_role_and_its_life(azure: Azure) -> None:
    azure.group()
    azure.refuses(
        "RoleDefinitionWithSameNameExists", "already exists", DEFINITION, definition(roleName="Reader")
    )
    azure.refuses("MissingAssignableScopes", "at least one", DEFINITION, definition(assignableScopes=[]))
    bad = definition(permissions=[{"actions": ["write"]}])
    azure.refuses("InvalidActionOrNotAction", "'write'", DEFINITION, bad)
    azure.refuses("InvalidRoleDefinitionId", "'writer'", DEFINITION, definition(roleDefinitionId="writer"))
    role = azure.make(DEFINITION, definition())
    other = definition(roleDefinitionId="7d6f5b0a-0000-4000-8000-0000000000bb")
    azure.refuses("RoleDefinitionWithSameNameExists", "Use a different name", DEFINITION, other, "twin")
    principal = azure.identity().outputs["principalId"]
    used = azure.make(ASSIGNMENT, assignment(principal, roleDefinitionId=role.id), "a")
    azure.refuses_delete("RoleDefinitionHasAssignments", "existing role assignments", role)
    azure.delete(used)
    azure.delete(role)


def test_who_runs_pulumi(azure: Azure) -> None:
    config = azure.invoke("authorization:getClientConfig")
    assert config["subscriptionId"] in TOP and set(config) == {
        "clientId",
        "objectId",
        "subscriptionId",
        "tenantId",
    }
    azure.group()
    azure.make(ASSIGNMENT, assignment(config["objectId"]))
    assert RG in TOP


def test_a_group_of_people_is_in_the_directory(azure: Azure) -> None:
    azure.group()
    group = "00000000-0000-4000-8000-0000000d0001"
    azure.refuses(
        "UnmatchedPrincipalType", "has type 'Group'", ASSIGNMENT, assignment(group, principalType="User")
    )
    azure.make(ASSIGNMENT, assignment(group, principalType="Group"))


def test_a_role_is_not_exchanged_in_place(azure: Azure) -> None:
    azure.group()
    role = azure.make(DEFINITION, definition())
    made = azure.make(ASSIGNMENT, assignment(azure.identity().outputs["principalId"]), "a")
    azure.refuses_change(
        "RoleAssignmentUpdateNotPermitted", "not allowed to be updated", made, roleDefinitionId=role.id
    )
    azure.change(made, description="why")
