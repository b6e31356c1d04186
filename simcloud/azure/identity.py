"""azure-native:managedidentity: user-assigned identities and the outside tokens they trust."""

from __future__ import annotations

from urllib.parse import urlsplit

from simcloud.azure import ids
from simcloud.azure.base import (
    IDENTITY,
    OPERATOR_OBJECT_ID,
    ArmKind,
    client_of,
    principal_of,
    record,
    system_principal,
)
from simcloud.azure.errors import ArmError
from simcloud.azure.topology import CLUSTER, CONTAINERS
from simcloud.kinds import Context, Properties, Resource, kind

CREDENTIAL = "azure-native:managedidentity:FederatedIdentityCredential"
ACCOUNT = "azure-native:storage:StorageAccount"

MAX_CREDENTIALS = 20
"""Per identity: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations"""


GROUPS = frozenset(f"00000000-0000-4000-8000-0000000d000{number}" for number in range(1, 5))
"""Groups of people that the simulated directory has."""


def kubelet_principal(cluster: Resource) -> str:
    """Object id of the identity that AKS makes for a cluster's nodes."""
    return ids.guid(cluster.id, "kubelet")


def principals(ctx: Context) -> dict[str, str]:
    """Every principal of the simulated directory: object id → type."""
    known = {OPERATOR_OBJECT_ID: "ServicePrincipal", **dict.fromkeys(GROUPS, "Group")}
    for identity in ctx.find(IDENTITY):
        known[principal_of(identity)] = "ServicePrincipal"
    for cluster in ctx.find(CLUSTER):
        known[kubelet_principal(cluster)] = "ServicePrincipal"
    for token in (CLUSTER, CONTAINERS, ACCOUNT):
        for res in ctx.find(token):
            if "SystemAssigned" in str(record(res.inputs.get("identity")).get("type")):
                known[system_principal(res)] = "ServicePrincipal"
    return known


@kind
class UserAssignedIdentity(ArmKind):
    type = IDENTITY
    arm_type = "Microsoft.ManagedIdentity/userAssignedIdentities"
    api_version = "2023-01-31"
    path = ("resourceName",)
    shows = frozenset({"systemData"})

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"clientId": client_of(res), "principalId": principal_of(res), "tenantId": ctx.tenant}


@kind
class FederatedIdentityCredential(ArmKind):
    type = CREDENTIAL
    arm_type = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"
    api_version = "2023-01-31"
    path = ("resourceName", "federatedIdentityCredentialResourceName")
    naming = "copy"
    parent = IDENTITY
    located = False
    shows = frozenset({"systemData"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        owner = arm_id.rsplit("/federatedIdentityCredentials/", 1)[0]
        others = [
            r
            for r in ctx.find(CREDENTIAL)
            if r.id.lower().startswith(f"{owner.lower()}/") and not ids.same(r.id, arm_id)
        ]
        if any(r.status == "creating" for r in others):
            # pulumi/pulumi-azure-native#4343
            raise ArmError(
                "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
                f"Too many Federated Identity Credentials are written concurrently for the managed identity '{owner}'. "
                "Concurrent Federated Identity Credentials writes under the same managed identity are not supported.",
                status=409,
            )
        issuer = urlsplit(str(inputs.get("issuer") or ""))
        if issuer.scheme != "https" or not issuer.hostname:
            raise ArmError("BadRequest", "Issuer must be a valid HTTPS URL.")  # [closest]
        if not str(inputs.get("subject") or "").strip():
            raise ArmError("BadRequest", "Subject must not be empty.")  # [closest]
        audiences = inputs.get("audiences") or []
        if len(audiences) != 1 or not audiences[0]:
            # https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations [closest]
            raise ArmError("BadRequest", "The federated identity credential must have exactly one audience.")
        pair = (inputs.get("issuer"), inputs.get("subject"))
        if any((r.inputs.get("issuer"), r.inputs.get("subject")) == pair for r in others):
            # Azure/bicep-types-az#2029
            raise ArmError(
                "BadRequest", "Issuer and subject combination already exists for this Managed Identity."
            )
        if not old and len(others) >= MAX_CREDENTIALS:
            raise ArmError(  # [closest]
                "QuotaExceeded",
                f"A managed identity can have at most {MAX_CREDENTIALS} federated identity credentials.",
            )
