"""The configuration of both stacks: read once, typed, validated offline.

Every wrong value gets one line that names the key, the value and what is allowed.
"""

from __future__ import annotations

import re
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

NONE = "none"  # Pulumi's config has no empty value


class Tier(StrEnum):
    """What the standby has; each is a superset of the one before."""

    PILOT_LIGHT = "pilot-light"
    EMERGENCY = "emergency"
    FULL = "full"
    WARM_STANDBY = "warm-standby"

    def has(self, other: Tier) -> bool:
        order = list(Tier)
        return order.index(self) >= order.index(other)


class SettingsError(Exception):
    """The configuration cannot be used; `lines` says why, one line a wrong value."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def _matching(pattern: str, allowed: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(allowed)
        return value

    return AfterValidator(check)


Project = Annotated[
    str, _matching(r"[a-z][a-z0-9]{1,11}", "2 to 12 lower-case letters and digits, a letter first")
]
Account = Annotated[str, _matching(r"[a-z0-9]{3,24}", "3 to 24 lower-case letters and digits (Azure's rule)")]
Minor = Annotated[str, _matching(r"1\.\d{2}", "a Kubernetes minor version such as 1.35")]


def _networks(value: str) -> str:
    for part in value.split(","):
        try:
            IPv4Network(part)
        except ValueError:
            raise ValueError(
                "IPv4 networks with commas between, such as 203.0.113.0/24,198.51.100.7/32"
            ) from None
    return value


Networks = Annotated[str, AfterValidator(_networks)]
Image = Annotated[str, _matching(r"[^\s@]+@sha256:[0-9a-f]{64}", "an image pinned by digest: name@sha256:…")]
Backup = Annotated[str, _matching(r"none|[\w./-]{1,200}", "the name of a backup, or none")]
Domain = Annotated[
    str,
    _matching(
        r"none|(?=.{4,200}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
        "a host name in lower case such as bank.example.com, or none",
    ),
]
Zone = Annotated[str, _matching(r"none|Z[A-Z0-9]{5,31}", "the id of a Route 53 hosted zone (Z…), or none")]
Certificate = Annotated[
    str,
    _matching(
        r"none|arn:aws:acm:us-east-1:\d{12}:certificate/[0-9a-f-]{36}",
        "the ARN of an ACM certificate in us-east-1 (CloudFront takes no other), or none",
    ),
]
SlackTeam = Annotated[str, _matching(r"none|T[A-Z0-9]{8,12}", "the id of a Slack workspace (T…), or none")]
SlackChannel = Annotated[
    str, _matching(r"none|[CG][A-Z0-9]{8,12}", "the id of a Slack channel (C… or G…), or none")
]
Email = Annotated[str, _matching(r"none|[^\s@]+@[^\s@]+\.[^\s@]+", "an e-mail address, or none")]
Webhook = Annotated[str, _matching(r"none|https://\S{4,500}", "an https:// URL, or none")]
Issuer = Annotated[
    str,
    _matching(
        r"none|https://[0-9a-f-]{36}\.tokens\.sts\.global\.api\.aws",
        "the account's token issuer (https://….tokens.sts.global.api.aws: prod's output awsTokenIssuer), or none",
    ),
]
AwsAccount = Annotated[str, _matching(r"none|\d{12}", "an AWS account id of 12 digits, or none")]
Group = Annotated[
    str,
    _matching(r"none|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "the object id of an Entra group, or none"),
]
Run = Annotated[str, _matching(r"none|[A-Za-z0-9._-]{1,64}", "letters, digits, dots and dashes, or none")]


class Settings(BaseModel):
    """Every key of the namespace `planb:`, by its own name in camelCase."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    site: Literal["prod", "dr"]
    project: Project = "blue"
    tier: Tier = Tier.PILOT_LIGHT
    kubernetesVersion: Minor = "1.35"
    kubernetesApiCidrs: Networks = "0.0.0.0/0"
    mysqlVersion: Literal["8.0", "8.4"] = "8.0"
    databaseHa: bool = False
    nodeMin: Annotated[int, Field(ge=1, le=20)] = 2
    nodeMax: Annotated[int, Field(ge=1, le=20)] = 4
    backupInterval: Annotated[int, Field(ge=5, le=86_400)] = 300
    backupRetentionDays: Annotated[int, Field(ge=1, le=365)] = 30
    storageAccount: Account = "bloberry01"
    siteAccount: Account = "bloberry01web"
    immutableBackups: bool = True
    natPerZone: bool = False
    domain: Domain = NONE
    hostedZoneId: Zone = NONE
    certificateArn: Certificate = NONE
    albIngress: Literal["internet", "cloudfront"] = "internet"
    waf: bool = False
    slackTeamId: SlackTeam = NONE
    slackChannelId: SlackChannel = NONE
    alarmEmail: Email = NONE
    alarmWebhook: Webhook = NONE
    azureAuth: Literal["federated", "sas"] = "federated"
    awsIssuer: Issuer = NONE
    awsAccountId: AwsAccount = NONE
    ownerGroup: Group = NONE
    aksOperatorGroup: Group = NONE
    mysqlAdminGroup: Group = NONE
    backupReaderGroup: Group = NONE
    backupHostArchitecture: Literal["x86_64", "arm64"] = "x86_64"
    agentImage: Image = "docker.io/planb/agent@sha256:" + "0" * 64
    restoreJob: Literal["none", "restore", "backup"] = "none"
    restoreBackup: Backup = NONE
    restoreRun: Run = NONE
    protectData: bool = True

    @model_validator(mode="after")
    def _together(self) -> Settings:
        if self.nodeMin > self.nodeMax:
            raise ValueError(
                f"planb:nodeMin is {self.nodeMin}: it must not be greater than planb:nodeMax ({self.nodeMax})"
            )
        if self.mysqlVersion == "8.4" and self.site == "dr" and self.tier.has(Tier.EMERGENCY):
            raise ValueError(
                "planb:mysqlVersion is 8.4: Azure takes it only through an API version that this release does not "
                "use yet; use 8.0 on the standby"
            )
        if self.site == "prod" and self.domain != NONE and self.hostedZoneId == NONE:
            raise ValueError(
                f"planb:domain is {self.domain}: planb:hostedZoneId must be set with it, for records and certificates"
            )
        if self.domain == NONE and self.certificateArn != NONE:
            raise ValueError(
                "planb:certificateArn is set: planb:domain must name what the certificate is for"
            )
        if (self.slackTeamId == NONE) != (self.slackChannelId == NONE):
            raise ValueError("planb:slackTeamId and planb:slackChannelId must be set together, or neither")
        if self.siteAccount == self.storageAccount:
            raise ValueError(
                f"planb:siteAccount is {self.siteAccount!r}: it must not be planb:storageAccount, which nobody reads "
                "without a role"
            )
        if (self.awsIssuer == NONE) != (self.awsAccountId == NONE):
            raise ValueError("planb:awsIssuer and planb:awsAccountId must be set together, or neither")
        if self.restoreJob == "restore" and NONE in (self.restoreBackup, self.restoreRun):
            raise ValueError(
                "planb:restoreJob is restore: planb:restoreBackup and planb:restoreRun must be set with it"
            )
        return self


class ConfigReader(Protocol):
    """What we need of `pulumi.Config`."""

    def get(self, key: str) -> str | None: ...


def load(stack: str, config: ConfigReader) -> Settings:
    """The settings of a stack; SettingsError with one line a wrong value.

    The stack's name decides the site: `dr` and names that end with `-dr` are the standby, all others production.
    """
    raw: dict[str, Any] = {"site": "dr" if re.fullmatch(r"(.*-)?dr", stack) else "prod"}
    for name in Settings.model_fields:
        value = config.get(name) if name != "site" else None
        if value is not None:
            raw[name] = value
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        raise SettingsError([_line(item) for item in error.errors()]) from None


def _line(error: Any) -> str:
    """ "planb:tier is 'fulll': allowed are 'pilot-light', 'emergency' or 'full'"."""
    if not error["loc"]:
        return str(error["msg"]).removeprefix("Value error, ")
    key, value = error["loc"][0], error["input"]
    reason = str(error["msg"]).removeprefix("Value error, ")
    reason = reason.replace("Input should be", "allowed is").replace(
        "allowed is 'pilot", "allowed are 'pilot"
    )
    if error["type"] == "value_error":
        reason = f"allowed is {reason}"
    return f"planb:{key} is {value!r}: {reason}"
