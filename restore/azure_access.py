"""The backup host's way into Azure without a stored key: its AWS role is trusted there.

STS signs a token that says which role we are (outbound identity federation), Entra exchanges it for one of the
identity that trusts this role. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound.html,
https://learn.microsoft.com/entra/workload-id/workload-identity-federation. The fallback is a SAS for this one
container, which a rotation keeps fresh in Secrets Manager.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict, Field, model_validator

from restore import aws, log
from restore.errors import ConfigurationError, Unauthorized

if TYPE_CHECKING:
    from restore.settings import Environment

AUDIENCE = "api://AzureADTokenExchange"
ALGORITHM = "RS256"  # the only one of STS's two that Entra takes
LIFETIME_S = 300  # of the assertion; it is used at once


class AzureAccess(BaseModel):
    """The key `azure` of agent.json; holds no secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    auth: Literal["federated", "sas"]
    tenant_id: str = ""
    client_id: str = ""
    sas_secret_arn: str = ""
    authority: str = Field(default="", description="Entra's host where it is not the public cloud's")

    @model_validator(mode="after")
    def _complete(self) -> AzureAccess:
        needed = ("tenant_id", "client_id") if self.auth == "federated" else ("sas_secret_arn",)
        missing = [name for name in needed if not getattr(self, name)]
        if missing:
            raise ValueError(f"{' and '.join(missing)} must be set with auth {self.auth}")
        return self


def credential(access: AzureAccess, region: str, env: Environment) -> Any:
    """What Azure's clients take as `credential`; a federated one is asked for tokens, and renews them, by itself.

    Raises:
        DataPlaneError: the SAS cannot be had or used (the federated way asks nobody yet).
    """
    if access.auth == "sas":
        from azure.core.credentials import AzureSasCredential

        return AzureSasCredential(container_sas(aws.secret_text(access.sas_secret_arn, region), access))
    from azure.identity import ClientAssertionCredential

    authority = access.authority or env.get("AZURE_AUTHORITY_HOST")
    # A host of our own is not in Microsoft's list of clouds, which would be asked for it otherwise.
    options: dict[str, Any] = (
        {"authority": authority, "disable_instance_discovery": True} if authority else {}
    )
    return _Federated(
        ClientAssertionCredential(
            access.tenant_id, access.client_id, lambda: web_identity_token(region), **options
        ),
        access,
    )


def web_identity_token(region: str) -> str:
    """A token of AWS's that says which role we are, for Entra only and for five minutes.

    Raises:
        Unauthorized, Unreachable: why STS gives none.
    """
    where = f"sts.{region}.amazonaws.com"

    def call(client: Any) -> str:
        answer = client.get_web_identity_token(
            Audience=[AUDIENCE], DurationSeconds=LIFETIME_S, SigningAlgorithm=ALGORITHM
        )
        return str(answer["WebIdentityToken"])

    hints = {
        "OutboundWebIdentityFederationDisabled": "Outbound identity federation is off in this account: deploy the "
        "prod stack, which switches it on.",
        "AccessDenied": "The host's role lacks sts:GetWebIdentityToken for this audience and lifetime.",
    }
    token = aws.call("sts", region, call, where=where, what="no token for Azure", hints=hints)
    log.hide(token)
    return token


class _Federated:
    """ClientAssertionCredential whose refusals say what to look at; azure-identity caches and renews the token."""

    def __init__(self, inner: Any, access: AzureAccess) -> None:
        self._inner, self._access = inner, access

    def get_token(self, *scopes: str, **options: Any) -> Any:
        return self._explained(lambda: self._inner.get_token(*scopes, **options))

    def get_token_info(self, *scopes: str, **options: Any) -> Any:
        return self._explained(lambda: self._inner.get_token_info(*scopes, **options))

    def close(self) -> None:
        self._inner.close()

    def _explained(self, ask: Any) -> Any:
        from azure.core.exceptions import ClientAuthenticationError

        try:
            return ask()
        except ClientAuthenticationError as problem:
            first = log.redact((str(problem.message or problem).splitlines() or [""])[0])[:300]
            raise Unauthorized(
                f"Entra does not exchange AWS's token ({first})",
                where=f"tenant {self._access.tenant_id}, client {self._access.client_id}",
                meaning="Nothing was read from or written to storage.",
                next_step="Compare issuer, subject (this role's ARN) and audience of the identity's federated "
                "credential with the prod stack's outputs awsTokenIssuer and backupRoleArn; check the clock.",
            ) from None


def container_sas(text: str, access: AzureAccess) -> str:
    """The SAS, if it is one for a container that is still good.

    Raises:
        ConfigurationError: it is no SAS, or one for more than a container.
        Unauthorized: it has expired.
    """
    where = access.sas_secret_arn
    token = text.strip().lstrip("?")
    fields = {key: values[0] for key, values in parse_qs(token).items()}
    log.hide(token, fields.get("sig", ""))
    if not {"sig", "se", "sp"} <= fields.keys():
        raise ConfigurationError(
            "is no shared access signature", where=where, next_step="Let the rotation write it anew."
        )
    if fields.get("sr") != "c":
        raise ConfigurationError(
            "is a signature for more or less than one container",
            where=where,
            meaning="It is not used: it could reach what is none of this host's business.",
            next_step="Issue it for the container mysql-backups alone.",
        )
    if _when(fields["se"]) <= datetime.now(UTC):
        raise Unauthorized(
            f"the signature has expired at {fields['se']}",
            where=where,
            meaning="No backup is stored until there is a new one.",
            next_step="Run the rotation of this secret, and find out why it did not run by itself.",
        )
    return token


def _when(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)  # storage decides
    return found if found.tzinfo else found.replace(tzinfo=UTC)
