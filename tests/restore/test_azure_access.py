"""azure_access.py against a local issuer, a local Entra that verifies, and an Azurite that takes bearer tokens only."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from restore import azure_access, log
from restore.azure_access import AzureAccess
from restore.blobs import Container, open_container
from restore.errors import ConfigurationError, Unauthorized
from tests.restore.conftest import QUICK, Tls, running_azurite
from tests.restore.entra import CLIENT, EXCHANGE, ROLE, TENANT, Clouds

REGION = "ap-northeast-2"
ACCOUNT = "planbtest"


@pytest.fixture(scope="module")
def storage(tls: Tls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """URL and key of an account over HTTPS that checks bearer tokens' claims."""
    options = ("--oauth", "basic", "--cert", str(tls.certificate), "--key", str(tls.key))
    folder = tmp_path_factory.mktemp("azurite-tls")
    with running_azurite(folder, ACCOUNT, *options, scheme="https") as account:
        yield account


@pytest.fixture
def url(storage: tuple[str, str], tls: Tls) -> str:
    """A fresh container."""
    service = BlobServiceClient(
        storage[0],
        credential={"account_name": ACCOUNT, "account_key": storage[1]},
        transport=RequestsTransport(connection_verify=str(tls.ca)),
    )
    name = f"t{uuid.uuid4().hex[:20]}"
    service.create_container(name)
    return f"{storage[0]}/{name}"


@pytest.fixture
def clouds(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clouds]:
    with Clouds(tls) as both:
        for name, value in environment(both, tls).items():
            monkeypatch.setenv(name, value)
        yield both


def environment(clouds: Clouds, tls: Tls) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_STS": clouds.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
        "AWS_CA_BUNDLE": str(tls.ca),
        "REQUESTS_CA_BUNDLE": str(tls.ca),
        "AZURE_AUTHORITY_HOST": clouds.url,
    }


def access(**changes: str) -> AzureAccess:
    return AzureAccess.model_validate(
        {"auth": "federated", "tenant_id": TENANT, "client_id": CLIENT} | changes
    )


def opened(url: str, **changes: str) -> Container:
    credential = azure_access.credential(access(**changes), REGION, os.environ)
    return open_container(url, env={}, limits=QUICK, credential=credential)


def test_the_role_becomes_the_standbys_identity(clouds: Clouds, url: str) -> None:
    container = opened(url)
    assert clouds.asked == [], "a container that is only opened asks nobody"
    container.write("backups/x", b"data")
    assert container.read("backups/x") == b"data"
    (asked,) = clouds.asked  # once: the token is kept as long as it is good
    assert asked["Audience.member.1"] == EXCHANGE and "Audience.member.2" not in asked
    assert (asked["DurationSeconds"], asked["SigningAlgorithm"]) == ("300", "RS256")
    (claims,) = clouds.exchanged
    assert (claims["sub"], claims["iss"]) == (ROLE, clouds.issuer)


def test_nothing_else_opens_this_storage(clouds: Clouds, url: str) -> None:
    """Or the test above would prove nothing."""
    with pytest.raises(Unauthorized):
        open_container(
            url, env={"AZURE_STORAGE_KEY": base64.b64encode(b"x" * 64).decode()}, limits=QUICK
        ).read("a")


def test_a_token_about_to_expire_is_renewed_with_a_new_assertion(clouds: Clouds, url: str) -> None:
    clouds.lifetime_s = 2
    container = opened(url)
    container.write("a", b"1")
    time.sleep(2.5)
    container.write("b", b"2")
    assert len(clouds.exchanged) >= 2
    assert len({claims["jti"] for claims in clouds.exchanged}) == len(clouds.exchanged)


@pytest.mark.parametrize(
    ("changed", "number"),
    [("subject", "AADSTS700213"), ("issuer", "AADSTS700211"), ("audience", "AADSTS700212")],
)
def test_a_credential_for_somebody_else_is_told(clouds: Clouds, url: str, changed: str, number: str) -> None:
    clouds.trust[changed] = "somebody-else"
    with pytest.raises(Unauthorized, match=number) as caught:
        opened(url).write("a", b"1")
    assert TENANT in caught.value.where and "awsTokenIssuer" in caught.value.next_step
    assert "eyJ" not in str(caught.value), "the token stands in the message"
    assert clouds.exchanged == []


def test_an_assertion_that_another_key_signed_is_refused(clouds: Clouds, url: str) -> None:
    clouds.published = Clouds(clouds.tls).signing
    with pytest.raises(Unauthorized, match="AADSTS700027"):
        opened(url).write("a", b"1")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("OutboundWebIdentityFederationDisabledException", "deploy the prod stack, which switches it on"),
        ("AccessDenied", "lacks sts:GetWebIdentityToken"),
    ],
)
def test_what_sts_refuses_is_told(clouds: Clouds, url: str, code: str, says: str) -> None:
    clouds.refusal = code
    with pytest.raises(Unauthorized, match="no token for Azure") as caught:
        opened(url).write("a", b"1")
    assert says in caught.value.next_step and clouds.exchanged == []


def test_the_agent_itself_uses_it(clouds: Clouds, tls: Tls, url: str, tmp_path: Path) -> None:
    """`planb-agent list` as a process: agent.json in, no key anywhere."""
    opened(url).write("backups/backup-20261124-031500.sql.zst", b"x")
    config = {
        "container_url": url,
        "region": REGION,
        "database": {"host": "127.0.0.1", "name": "petclinic"},
        "backup_secret_arn": "arn:backup",
        "replication_secret_arn": "arn:replication",
        "azure": {"auth": "federated", "tenant_id": TENANT, "client_id": CLIENT},
    }
    path = tmp_path / "agent.json"
    path.write_text(json.dumps(config))
    env = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_STORAGE")}
    done = subprocess.run(
        [sys.executable, "-m", "restore.agent", "list", "--config", str(path)],
        env=env | environment(clouds, tls),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [one["name"] for one in json.loads(done.stdout)["backups"]] == ["backups/backup-20261124-031500"]
    assert "eyJ" not in done.stdout + done.stderr


class TestSas:
    def sas(self, storage: tuple[str, str], url: str, minutes: float = 60) -> str:
        return generate_container_sas(
            ACCOUNT,
            url.rsplit("/", 1)[1],
            account_key=storage[1],
            permission=ContainerSasPermissions(read=True, write=True, create=True, list=True),
            expiry=datetime.now(UTC) + timedelta(minutes=minutes),
        )

    def opened(self, monkeypatch: pytest.MonkeyPatch, url: str, text: str) -> Container:
        monkeypatch.setattr(azure_access.aws, "secret_text", lambda arn, region: {"arn:sas": text}[arn])
        wanted = AzureAccess(auth="sas", sas_secret_arn="arn:sas")
        credential = azure_access.credential(wanted, REGION, {})
        return open_container(url, env={}, limits=QUICK, credential=credential)

    def test_the_signature_of_the_secret_opens_the_container(
        self, storage: tuple[str, str], url: str, tls: Tls, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.ca))
        text = self.sas(storage, url)
        container = self.opened(monkeypatch, url, f"?{text}\n")
        container.write("backups/x", b"data")
        assert container.read("backups/x") == b"data"
        assert text not in log.redact(f"seen: {text}")

    def test_an_expired_one_is_told(
        self, storage: tuple[str, str], url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(Unauthorized, match="expired at") as caught:
            self.opened(monkeypatch, url, self.sas(storage, url, minutes=-1))
        assert "sig=" not in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "no shared access signature"),
            ("DefaultEndpointsProtocol=https;AccountKey=abc", "no shared access signature"),
            ("ss=b&srt=sco&sp=rw&se=2099-01-01T00:00:00Z&sig=abc", "more or less than one container"),
            ("sr=b&sp=r&se=2099-01-01T00:00:00Z&sig=abc", "more or less than one container"),
        ],
    )
    def test_what_is_no_signature_for_a_container_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, text: str, says: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=says) as caught:
            self.opened(monkeypatch, "https://127.0.0.1/a/b", text)
        assert "abc" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"auth": "federated", "tenant_id": "t"}, "client_id"),
        ({"auth": "federated"}, "tenant_id and client_id"),
        ({"auth": "sas"}, "sas_secret_arn"),
    ],
)
def test_half_a_configuration_is_none(given: dict[str, Any], missing: str) -> None:
    with pytest.raises(ValueError, match=f"{missing} must be set"):
        AzureAccess.model_validate(given)
