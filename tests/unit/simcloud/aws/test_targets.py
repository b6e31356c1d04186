"""Target health, read by botocore's own parser."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import botocore.parsers
import botocore.session

from simcloud.aws import targets


def asked(found: list[tuple[bool, str]] | None) -> Any:
    answer = targets.answer(b"Action=DescribeTargetHealth&TargetGroupArn=arn", lambda arn: found)
    assert answer is not None
    model = botocore.session.get_session().get_service_model("elbv2")
    parser: Any = botocore.parsers.create_parser(model.protocol)
    shape = model.operation_model("DescribeTargetHealth").output_shape
    return parser.parse({"status_code": answer[0], "headers": {}, "body": answer[2]}, shape)


def test_targets_and_why_they_are_not_healthy() -> None:
    listed = asked([(True, ""), (False, "0 nodes are <available>")])["TargetHealthDescriptions"]
    assert [t["TargetHealth"]["State"] for t in listed] == ["healthy", "unhealthy"]
    assert listed[1]["TargetHealth"]["Description"] == "0 nodes are <available>"


def test_no_such_group() -> None:
    assert asked(None)["Error"]["Code"] == "TargetGroupNotFound"


def test_other_questions_are_not_its_own() -> None:
    assert targets.answer(b"Action=DescribeLoadBalancers", lambda arn: []) is None


class Cluster:
    """A store with one binding, one Service, and Deployments of which one is behind it."""

    def list(self, api: str, kind: str, namespace: str | None = None) -> list[Any]:
        if kind == "TargetGroupBinding":
            return [
                {
                    "metadata": {"namespace": "web"},
                    "spec": {"targetGroupARN": arn, "serviceRef": {"name": "web"}},
                }
                for arn in ("arn", "other")
            ]
        return [
            {
                "metadata": {"name": name},
                "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": name}}}},
            }
            for name in ("web", "batch")
        ]

    def get(self, api: str, kind: str, namespace: str, name: str) -> Any:
        return {"spec": {"selector": {"app": "web"}}}


def test_a_target_a_replica_behind_the_bound_service() -> None:
    clusters: Any = SimpleNamespace(
        ids=lambda region: ["c"],
        store=lambda c: Cluster(),
        ready=lambda c, namespace, name: (name == "web", ""),
    )
    assert targets.health_of(clusters, "ap-northeast-2", "arn") == [(True, ""), (True, "")]
