"""Secrets stay where secrets belong, and no key of Azure's storage ever reaches AWS (B11, DESIGN 3.10)."""

from __future__ import annotations

import base64
import binascii
import gzip
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from policy.model import Finding, Resource, Severity, known_list, on_resource, on_stack, texts

STACK = "pulumi:pulumi:Stack"
SECRET_VERSION = "aws:secretsmanager/secretVersion:SecretVersion"

# A storage account's key is 64 bytes in base64.
STORAGE_KEY = re.compile(
    r"(AccountKey|SharedAccessKey)\s*=\s*[A-Za-z0-9+/]{20,}|(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==(?![A-Za-z0-9+/=])"
)
SAS = re.compile(r"[\w%&=:.~+/-]*\bsig=[A-Za-z0-9%+/]{20,}[\w%&=:.~+/-]*")
PATTERNS = {
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a storage account's key": STORAGE_KEY,
    "a SAS signature": SAS,
    "a Slack webhook": re.compile(r"https://hooks\.slack\.com/services/T\w+/B\w+/\w+"),
    "a password": re.compile(
        r"""(?i)\b(password|passwd|pwd|secret_key|api_key|access_token)\b["']?\s*[:=]\s*["']?[^\s"',;&{}$%<(/][^\s"',;&]{7,}"""
    ),
    "a password in a URL": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/:@${}]{6,}@"),
}
SECRET_NAME = re.compile(
    r"(?i)(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|CREDENTIAL|CONNECTION_?STRING)"
)
# Names that point at a secret and do not hold it.
POINTER = re.compile(r"(?i)_?(ARN|ID|NAME|FILE|PATH|URL|URI|TTL|SECONDS|VERSION|ENDPOINT|AUDIENCE|LIFETIME)$")


def suspicious(text: str) -> Iterator[str]:
    """What in a text looks like a secret."""
    for what, pattern in PATTERNS.items():
        if pattern.search(text):
            yield what


def user_data(value: Any) -> str:
    """User data as the machine reads it: base64 and gzip undone where they are there."""
    if not isinstance(value, str):
        return ""
    try:
        raw = base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return value
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError):
            return value
    return raw.decode("utf-8", "replace")


def environments(resource: Resource) -> Iterator[tuple[str, Any]]:
    """(name, value) of every environment variable in plain text."""
    variables = resource.get("environment.variables")
    if resource.type == "aws:lambda/function:Function" and isinstance(variables, Mapping):
        yield from variables.items()
    if resource.type == "azure-native:containerinstance:ContainerGroup":
        for container in resource.each("containers"):
            for variable in known_list(container.get("environmentVariables")):
                yield str(variable.get("name")), variable.get("value")
    if resource.type.startswith("kubernetes:"):
        yield from _containers(resource.props)
    if resource.type == "kubernetes:core/v1:ConfigMap":
        data = resource.get("data")
        yield from data.items() if isinstance(data, Mapping) else ()


def _containers(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "env":
                for one in known_list(inner):
                    if isinstance(one, Mapping):
                        yield str(one.get("name")), one.get("value")
            else:
                yield from _containers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _containers(inner)


@on_resource(
    "no-plain-secrets",
    says="No secret stands in user data, an environment variable, a parameter or a config map.",
    remedy="Keep it in Secrets Manager (AWS), in a secure_value (container group) or in a Kubernetes "
    "Secret, give the program its ARN or name, and let it read the value by its role.",
    severity=Severity.CRITICAL,
)
def no_plain_secrets(resource: Resource) -> Iterator[str]:
    for path in ("userData", "userDataBase64"):
        for what in suspicious(user_data(resource.get(path))):
            yield f"{path} holds {what}"
    for name, value in environments(resource):
        if not isinstance(value, str) or not value:
            continue
        if SECRET_NAME.search(name) and not POINTER.search(name) and not value.startswith("arn:"):
            yield f"the environment variable {name} holds its value in plain text"
        for what in suspicious(value):
            yield f"the environment variable {name} holds {what}"
    if resource.type == "aws:ssm/parameter:Parameter" and resource.get("type") != "SecureString":
        value = resource.get("value")
        for what in suspicious(value) if isinstance(value, str) else ():
            yield f"the parameter, which is no SecureString, holds {what}"


@on_stack(
    "no-secrets-in-outputs",
    says="No output of a stack is a key, a signature or a private key: outputs are read by whoever may "
    "read the stack.",
    remedy="Export the ARN or the name of the secret, and let the reader fetch the value by a role.",
    severity=Severity.HIGH,
)
def no_secrets_in_outputs(resources: list[Resource]) -> Iterator[Finding]:
    for stack in resources:
        if stack.type == STACK:
            for path, text in texts(stack.props):
                for what in suspicious(text):
                    yield Finding(text=f"the output {path} holds {what}", urn=stack.urn)


@on_resource(
    "no-azure-storage-key-in-aws",
    says="Nothing outside Azure holds a key of its storage, and a SAS in a secret can add backups but "
    "delete none.",
    remedy="Use planb:azureAuth federated, which needs no key at all; the fallback is a SAS for one "
    "container, with permissions to add and read only, in Secrets Manager.",
    severity=Severity.CRITICAL,
)
def no_azure_storage_key_in_aws(resource: Resource) -> Iterator[str]:
    if resource.type.startswith("azure-native:"):
        return
    for path, text in texts(_readable(resource.props)):
        if STORAGE_KEY.search(text):
            yield f"{path} holds a storage account's key"
        for token in SAS.finditer(text):
            if resource.type == SECRET_VERSION:
                yield from (f"the SAS in {path} {fault}" for fault in _faults(token[0]))
            else:
                yield f"{path} holds a SAS"


def _readable(props: Mapping[str, Any]) -> dict[str, Any]:
    return {key: user_data(value) if key.startswith("userData") else value for key, value in props.items()}


def _faults(token: str) -> Iterator[str]:
    """What a SAS of the backup host may not do. https://learn.microsoft.com/rest/api/storageservices/create-service-sas"""
    fields = parse_qs(token.lstrip("?"))
    permissions = "".join(fields.get("sp", []))
    for letter, may in (
        ("d", "delete"),
        ("x", "delete versions"),
        ("y", "delete for good"),
        ("i", "change retention"),
    ):
        if letter in permissions:
            yield f"may {may} (sp={permissions})"
    if "ss" in fields or "srt" in fields:
        yield "is for the whole account"
    elif fields.get("sr", [""])[0] not in ("c", "b", "d"):
        yield f"is not for one container (sr={fields.get('sr', ['none'])[0]})"


SECRETS = [no_plain_secrets, no_secrets_in_outputs, no_azure_storage_key_in_aws]
