"""The version lists of EKS and RDS, read by botocore's own parsers."""

from __future__ import annotations

from datetime import date
from typing import Any

import botocore.parsers
import botocore.session
import pytest

from simcloud.aws import eks, rds, versions
from simcloud.kinds import Resource
from simcloud.state import State

STATE = State(":memory:")


def parsed(service: str, operation: str, answer: versions.Answer | None) -> Any:
    assert answer is not None
    status, headers, body = answer
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).output_shape
    parser: Any = botocore.parsers.create_parser(model.protocol)
    lower = {name.lower(): value for name, value in headers.items()}
    return parser.parse({"status_code": status, "headers": lower, "body": body}, shape)


def test_eks_lists_what_it_makes_and_until_when() -> None:
    listed = parsed("eks", "DescribeClusterVersions", versions.answer("eks", "/cluster-versions", b"", STATE))
    found = {v["clusterVersion"]: v for v in listed["clusterVersions"]}
    assert set(found) == set(eks.VERSIONS)
    assert found["1.35"]["endOfStandardSupportDate"].date() == date(2027, 3, 27)
    assert found["1.35"]["endOfExtendedSupportDate"].date() == date(2028, 3, 27)
    one = versions.answer("eks", "/cluster-versions?clusterVersions=1.34", b"", STATE)
    assert [
        v["clusterVersion"] for v in parsed("eks", "DescribeClusterVersions", one)["clusterVersions"]
    ] == ["1.34"]


def test_eks_refuses_a_version_that_it_never_had() -> None:
    answer = versions.answer("eks", "/cluster-versions?clusterVersions=1.12", b"", STATE)
    assert answer is not None and answer[0] == 400
    assert answer[1]["x-amzn-ErrorType"] == "InvalidParameterException"


@pytest.mark.parametrize(("wanted", "names"), [("8.0", ["8.0"]), ("", ["8.0", "8.4"]), ("5.7", [])])
def test_rds(wanted: str, names: list[str]) -> None:
    asked = f"Action=DescribeDBMajorEngineVersions&Engine=mysql{f'&MajorEngineVersion={wanted}' if wanted else ''}"
    listed = parsed(
        "rds", "DescribeDBMajorEngineVersions", versions.answer("rds", "/", asked.encode(), STATE)
    )
    assert [v["MajorEngineVersion"] for v in listed["DBMajorEngineVersions"]] == names
    for version in listed["DBMajorEngineVersions"]:
        ends = {
            e["LifecycleSupportName"]: e["LifecycleSupportEndDate"].date()
            for e in version["SupportedEngineLifecycles"]
        }
        expected = rds.VERSIONS[version["MajorEngineVersion"]]
        assert (
            ends["open-source-rds-standard-support"],
            ends["open-source-rds-extended-support"],
        ) == expected


def test_other_questions_are_not_its_own() -> None:
    assert versions.answer("rds", "/", b"Action=DescribeDBSnapshots", STATE) is None
    assert versions.answer("eks", "/clusters", b"", STATE) is None


def test_rds_shows_its_instances() -> None:
    state = State(":memory:")
    given = {"identifier": "blue", "engineVersion": "8.0", "multiAz": True}
    state.put(Resource("urn:x::y::z", rds.INSTANCE, "db-1", "aws", "ap-northeast-2", given, {}, "ready", 0.0))
    answer = versions.answer("rds", "/", b"Action=DescribeDBInstances&DBInstanceIdentifier=blue", state)
    (found,) = parsed("rds", "DescribeDBInstances", answer)["DBInstances"]
    assert (found["DBInstanceStatus"], found["EngineVersion"], found["MultiAZ"]) == ("available", "8.0", True)
    other = versions.answer("rds", "/", b"Action=DescribeDBInstances&DBInstanceIdentifier=green", state)
    assert parsed("rds", "DescribeDBInstances", other)["Error"]["Code"] == "DBInstanceNotFound"
    state.close()
