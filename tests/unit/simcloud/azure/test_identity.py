"""User-assigned identities and federated credentials."""

from __future__ import annotations

from typing import Any

import pytest

from simcloud.azure import ids
from simcloud.azure.identity import principals

from .conftest import RG, Azure

TOKEN = "managedidentity:FederatedIdentityCredential"


def credential(name: str = "aws", **changes: Any) -> dict[str, Any]:
    return {
        "resourceGroupName": RG,
        "resourceName": "id-restore",
        "federatedIdentityCredentialResourceName": name,
        "issuer": "https://00000000.tokens.sts.global.api.aws",
        "subject": "arn:aws:iam::123456789012:role/blue-backup",
        "audiences": ["api://AzureADTokenExchange"],
        **changes,
    }


def test_an_identity_is_a_principal_of_its_own(azure: Azure) -> None:
    azure.group()
    made = azure.identity()
    assert ids.is_guid(made.outputs["principalId"]) and ids.is_guid(made.outputs["clientId"])
    assert made.outputs["principalId"] in principals(azure.ctx())
    azure.delete(made)
    again = azure.identity()
    assert again.outputs["principalId"] != made.outputs["principalId"]


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        ({"issuer": "http://insecure"}, "HTTPS"),
        ({"subject": " "}, "Subject"),
        ({"audiences": []}, "exactly one audience"),
        ({"audiences": ["a", "b"]}, "exactly one audience"),
    ],
)
def test_a_credential_that_azure_refuses(azure: Azure, bad: dict[str, Any], text: str) -> None:
    azure.group()
    azure.refuses("ParentResourceNotFound", "'id-restore' not found", TOKEN, credential())
    azure.identity()
    azure.refuses("BadRequest", text, TOKEN, credential(**bad))
    azure.make(TOKEN, credential())


def test_a_pair_is_trusted_once_and_writes_are_one_at_a_time(azure: Azure) -> None:
    azure.group()
    azure.identity()
    first = azure.make(TOKEN, credential(), "a")
    text = "Issuer and subject combination already exists for this Managed Identity."
    azure.refuses("BadRequest", text, TOKEN, credential("twin"), "b")
    first.status = "creating"
    azure.state.put(first)
    other = credential("other", subject="arn:aws:iam::123456789012:role/other")
    code = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
    azure.refuses(code, "Too many Federated Identity Credentials are written concurrently", TOKEN, other, "b")
    first.status = "ready"
    azure.state.put(first)
    azure.make(TOKEN, other, "b")


def test_there_are_at_most_twenty(azure: Azure) -> None:
    azure.group()
    azure.identity()
    for n in range(20):
        azure.make(TOKEN, credential(f"c{n:02}", subject=f"s{n}"), f"c{n}")
    azure.refuses("QuotaExceeded", "at most 20", TOKEN, credential("c20", subject="s20"), "c20")
