"""AWS: nothing here stands in the way of a failover; it is what makes failing back, or rebuilding, possible."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from runbook.errors import PlanBError
from runbook.preflight.look import Look
from runbook.preflight.model import Finding, NotAsked, ok, unasked

T = TypeVar("T")
SOON_DAYS = 60
MULTI_AZ = 2  # Extended Support is billed for the standby too


def ask(service: str, look: Look, question: Callable[[Any], T]) -> T:
    """One bounded question in production's region."""
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=3, read_timeout=6, retries={"max_attempts": 1})
    region = str(look.prod().get("region") or "ap-northeast-2")
    client: Any = boto3.client(service, region_name=region, config=config)
    try:
        return question(client)
    except ClientError as error:
        code, text = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        raise PlanBError(f"{code}: {text}") from None
    except BotoCoreError as error:
        raise NotAsked(f"AWS does not answer in {region} ({type(error).__name__})") from None


def identity(look: Look) -> list[Finding]:
    """Who we are there."""
    try:
        found = ask("sts", look, lambda client: client.get_caller_identity())
    except NotAsked as error:
        return [unasked(error.what, "planb status: while AWS is dark this is expected")]
    except PlanBError as error:
        return [
            Finding(
                "warning",
                f"AWS refuses this identity ({error.what})",
                "AWS's writers cannot be locked out, and nothing can be failed back",
                "aws sts get-caller-identity; renew the role or its keys",
            )
        ]
    return [ok(f"AWS takes this identity ({found['Arn']})")]


def kubernetes(look: Look) -> list[Finding]:
    """Until when EKS supports the cluster's version, and whether one could still be made."""
    found: list[Finding] = []
    for version in sorted({str(c.get("version")) for c in look.aws("aws:eks/cluster:Cluster")} - {"None"}):
        answer = ask(
            "eks", look, lambda client, v=version: client.describe_cluster_versions(clusterVersions=[v])
        )
        found.append(
            _supported(
                f"EKS {version}",
                answer["clusterVersions"],
                "endOfStandardSupportDate",
                "endOfExtendedSupportDate",
                "pulumi config set planb:kubernetesVersion … -s prod (one minor at a time), then -s dr",
                _cost(1, "eks.extended", str(look.prod().get("region") or "")),
            )
        )
    return found or [unasked("production has no cluster in its state", "pulumi up -s prod")]


def mysql(look: Look) -> list[Finding]:
    """Until when RDS supports the database's version, and what Extended Support costs (design 3.6)."""
    found: list[Finding] = []
    region = str(look.prod().get("region") or "")
    for instance in look.aws("aws:rds/instance:Instance"):
        line = ".".join(str(instance.get("engineVersion")).split(".")[:2])
        answer = ask(
            "rds",
            look,
            lambda client, v=line: client.describe_db_major_engine_versions(
                Engine="mysql", MajorEngineVersion=v
            ),
        )
        versions = [
            {
                f"{life['LifecycleSupportName']}": life["LifecycleSupportEndDate"]
                for life in version.get("SupportedEngineLifecycles") or []
            }
            for version in answer["DBMajorEngineVersions"]
        ]
        found.append(
            _supported(
                f"RDS for MySQL {line}",
                versions,
                "open-source-rds-standard-support",
                "open-source-rds-extended-support",
                "docs/cost.md; then pulumi config set planb:mysqlVersion 8.4 -s prod (and -s dr)",
                _database_cost(str(instance.get("instanceClass")), bool(instance.get("multiAz")), region),
            )
        )
    return found or [unasked("production has no database in its state", "pulumi up -s prod")]


def _database_cost(size: str, multi_az: bool, region: str) -> str:
    """Extended Support of a database a month, by the vCPU."""
    from runbook.cost import support

    try:
        vcpus = support.vcpus(size) * (MULTI_AZ if multi_az else 1)
    except PlanBError as error:
        return f"Extended Support is billed by the vCPU, and {error.what}"
    return _cost(vcpus, "rds.mysql.extended.year1", region)


def _cost(quantity: int, item: str, region: str) -> str:
    from runbook.cost import snapshot
    from runbook.cost.model import HOURS

    try:
        hour = quantity * snapshot.load().price(item, region).usd
    except PlanBError as error:
        return f"Extended Support is billed, and {error.what}"
    return f"Extended Support costs ${hour * HOURS:,.0f} a month (planb cost)"


def _supported(
    what: str, versions: list[dict[str, Any]], standard: str, extended: str, mend: str, cost: str
) -> Finding:
    if not versions:
        return Finding(
            "warning", f"AWS no longer knows {what}", "AWS could not be rebuilt with this program", mend
        )
    ends, last = _day(versions[0].get(standard)), _day(versions[0].get(extended))
    today = date.today()
    if ends is None:
        return unasked(f"AWS does not say until when {what} is supported")
    if last and last < today:
        return Finding(
            "warning", f"{what} is out of all support since {last}", "AWS upgrades it by itself", mend
        )
    if ends < today:
        return Finding("warning", f"{what} is in Extended Support since {ends}", cost, mend)
    if (ends - today).days < SOON_DAYS:
        return Finding("warning", f"standard support of {what} ends on {ends}", f"from then on: {cost}", mend)
    return ok(f"{what} has standard support until {ends}")


def _day(moment: Any) -> date | None:
    return moment.date() if isinstance(moment, datetime) else None
