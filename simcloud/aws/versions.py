"""Which versions EKS and RDS make and until when they support them, from the tables that refuse a creation; instances.

https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeClusterVersions.html,
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBMajorEngineVersions.html
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from urllib.parse import parse_qs, urlsplit

from simcloud.aws import eks, rds
from simcloud.state import State

Answer = tuple[int, dict[str, str], bytes]
NAMESPACE = "http://rds.amazonaws.com/doc/2014-10-31/"


def answer(service: str, path: str, body: bytes, state: State) -> Answer | None:
    """The answer if it is one of these questions, else None."""
    parts = urlsplit(path)
    if service == "eks" and parts.path == "/cluster-versions":
        return _clusters(parse_qs(parts.query).get("clusterVersions") or [])
    if service == "rds":
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        if form.get("Action") == "DescribeDBMajorEngineVersions":
            return _databases(form)
        if form.get("Action") == "DescribeDBInstances":
            return _instances(state, form.get("DBInstanceIdentifier"))
    return None


def _instances(state: State, wanted: str | None) -> Answer:
    """https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBInstances.html; what status needs."""
    found = [i for i in state.find(rds.INSTANCE) if wanted in (None, i.get("identifier"))]
    if wanted and not found:
        text = f"DBInstance {wanted} not found."
        body = f"<ErrorResponse><Error><Code>DBInstanceNotFound</Code><Message>{text}</Message></Error></ErrorResponse>"
        return 404, {"Content-Type": "text/xml"}, body.encode()
    names = {"ready": "available"}
    rows = "".join(
        f"<DBInstance><DBInstanceIdentifier>{i.get('identifier')}</DBInstanceIdentifier>"
        f"<DBInstanceStatus>{names.get(i.status, i.status)}</DBInstanceStatus><Engine>mysql</Engine>"
        f"<EngineVersion>{i.get('engineVersion')}</EngineVersion>"
        f"<MultiAZ>{str(bool(i.get('multiAz'))).lower()}</MultiAZ></DBInstance>"
        for i in found
    )
    return _xml("DescribeDBInstances", f"<DBInstances>{rows}</DBInstances>")


def _xml(action: str, result: str) -> Answer:
    inner = f"<{action}Result>{result}</{action}Result>"
    return (
        200,
        {"Content-Type": "text/xml"},
        f'<{action}Response xmlns="{NAMESPACE}">{inner}</{action}Response>'.encode(),
    )


def _clusters(wanted: list[str]) -> Answer:
    unknown = sorted(set(wanted) - set(eks.VERSIONS))
    if unknown:  # (I): the API reference names the exception, not its text
        text = {"message": f"unsupported Kubernetes version {unknown[0]}"}
        return 400, {"x-amzn-ErrorType": "InvalidParameterException"}, json.dumps(text).encode()
    listed: list[dict[str, object]] = []
    for version, (released, last) in eks.VERSIONS.items():
        if wanted and version not in wanted:
            continue
        # Extended support lasts twelve months: awsdocs/amazon-eks-user-guide, kubernetes-versions.adoc.
        standard = last.replace(year=last.year - 1)
        today = date.today()
        status = (
            "STANDARD_SUPPORT"
            if today <= standard
            else "EXTENDED_SUPPORT"
            if today <= last
            else "UNSUPPORTED"
        )
        listed.append(
            {
                "clusterVersion": version,
                "clusterType": "eks",
                "releaseDate": _seconds(released),
                "endOfStandardSupportDate": _seconds(standard),
                "endOfExtendedSupportDate": _seconds(last),
                "versionStatus": status,
                "status": status.lower(),
            }
        )
    return 200, {"Content-Type": "application/json"}, json.dumps({"clusterVersions": listed}).encode()


def _databases(form: dict[str, str]) -> Answer:
    rows = ""
    for version, (standard, last) in rds.VERSIONS.items():
        if form.get("Engine", "mysql") != "mysql" or form.get("MajorEngineVersion", version) != version:
            continue
        lives = "".join(
            f"<SupportedEngineLifecycle><LifecycleSupportName>{name}</LifecycleSupportName>"
            f"<LifecycleSupportEndDate>{end}T00:00:00Z</LifecycleSupportEndDate></SupportedEngineLifecycle>"
            for name, end in (
                ("open-source-rds-standard-support", standard),
                ("open-source-rds-extended-support", last),
            )
        )
        rows += (
            f"<DBMajorEngineVersion><Engine>mysql</Engine><MajorEngineVersion>{version}</MajorEngineVersion>"
            f"<SupportedEngineLifecycles>{lives}</SupportedEngineLifecycles></DBMajorEngineVersion>"
        )
    return _xml("DescribeDBMajorEngineVersions", f"<DBMajorEngineVersions>{rows}</DBMajorEngineVersions>")


def _seconds(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()
