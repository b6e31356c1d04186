"""Launch templates, Auto Scaling groups."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from simcloud.aws import autoscaling as asg
from simcloud.aws import iam
from simcloud.kinds import CloudError, Resource

from .conftest import ACCOUNT, REGION, Aws


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def template(aws: Aws) -> Resource:
    return aws.make(asg.TEMPLATE, {"name": "backup", "userData": encoded("#!/bin/sh\n")})


@pytest.fixture
def given(aws: Aws, vpc: Resource, template: Resource) -> dict[str, Any]:
    """Inputs of a group that Auto Scaling accepts."""
    return {
        "name": "backup",
        "minSize": 1,
        "maxSize": 1,
        "vpcZoneIdentifiers": aws.pair(vpc),
        "launchTemplate": {"id": template.id, "version": "$Latest"},
        "tags": [
            {"key": "planb:role", "value": "backup", "propagateAtLaunch": True},
            {"key": "Name", "value": "asg", "propagateAtLaunch": False},
        ],
    }


def test_a_template(aws: Aws, vpc: Resource, template: Resource) -> None:
    assert re.fullmatch(r"lt-[0-9a-f]{17}", template.id)
    assert template.outputs["arn"] == f"arn:aws:ec2:{REGION}:{ACCOUNT}:launch-template/{template.id}"
    assert template.outputs["latestVersion"] == 1
    assert aws.change(template, userData=encoded("x")).outputs["latestVersion"] == 2
    text = "Launch template name already in use."
    aws.refuses("InvalidLaunchTemplateName.AlreadyExistsException", text, asg.TEMPLATE, {"name": "backup"})
    text = "Invalid BASE64 encoding of user data."
    aws.refuses("InvalidUserData.Malformed", text, asg.TEMPLATE, {"userData": "#!/bin/sh"})
    text = "User data is limited to 16384 bytes"
    aws.refuses("InvalidUserData.Malformed", text, asg.TEMPLATE, {"userData": encoded("x" * 16385)})
    aws.make(asg.TEMPLATE, {"userData": encoded("x" * 16384)})
    given = {"vpcSecurityGroupIds": ["sg-0123456789abcdef0"]}
    text = "The security group 'sg-0123456789abcdef0' does not exist"
    aws.refuses("InvalidGroup.NotFound", text, asg.TEMPLATE, given)
    aws.make(asg.TEMPLATE, {"vpcSecurityGroupIds": [aws.group(vpc).id]})
    text = "Value (always) for parameter HttpTokens is invalid."
    aws.refuses("InvalidParameterValue", text, asg.TEMPLATE, {"metadataOptions": {"httpTokens": "always"}})
    aws.make(asg.TEMPLATE, {"metadataOptions": {"httpTokens": "required"}})


def test_a_group_runs_its_instance(aws: Aws, given: dict[str, Any]) -> None:
    made = aws.make(asg.ASG, given)
    arn = rf"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:[0-9a-f-]+:autoScalingGroupName/backup"
    assert re.fullmatch(arn, made.outputs["arn"])
    launch = {"user_data": "#!/bin/sh\n", "tags": {"planb:role": "backup"}, "region": REGION}
    assert aws.called("compute.start_instance") == [(("backup",), launch)]
    aws.delete(made)
    assert aws.called("compute.terminate") == [(("backup",), {})]


@pytest.mark.parametrize(("low", "want", "high"), [(1, 0, 2), (1, 3, 2), (2, None, 1)])
def test_sizes_agree(aws: Aws, given: dict[str, Any], low: int, want: int | None, high: int) -> None:
    wrong = {**given, "minSize": low, "maxSize": high}
    if want is not None:
        wrong["desiredCapacity"] = want
    text = f"must be between the specified min size:{low} and max size:{high}"
    aws.refuses("ValidationError", text, asg.ASG, wrong)
    aws.make(asg.ASG, {**given, "minSize": 0, "desiredCapacity": 0})
    assert not aws.called("compute.start_instance")


def test_a_group_points_at_what_exists(aws: Aws, given: dict[str, Any]) -> None:
    def refused(text: str, **changes: Any) -> None:
        aws.refuses("ValidationError", text, asg.ASG, {**given, **changes})

    bare = {key: value for key, value in given.items() if key != "launchTemplate"}
    aws.refuses("ValidationError", "must contain either LaunchTemplate", asg.ASG, bare)
    refused("The specified launch template, with template ID, does not exist", launchTemplate={"id": "lt-0"})
    refused("The subnet ID 'subnet-0' does not exist", vpcZoneIdentifiers=["subnet-0"])
    arn = f"arn:aws:iam::{ACCOUNT}:instance-profile/backup"
    with_profile = aws.make(asg.TEMPLATE, {"iamInstanceProfile": {"arn": arn}})
    refused("Invalid IAM Instance Profile ARN", launchTemplate={"id": with_profile.id})
    aws.role("backup", "ec2.amazonaws.com")
    aws.make(iam.PROFILE, {"name": "backup", "role": "backup"})
    aws.make(asg.ASG, {**given, "launchTemplate": {"id": with_profile.id}})
    text = "AutoScalingGroup by this name already exists"
    aws.refuses("AlreadyExists", text, asg.ASG, given)


def test_a_new_template_renews_the_instance_only_by_a_refresh(aws: Aws, given: dict[str, Any]) -> None:
    made = aws.make(asg.ASG, given)
    other = aws.make(asg.TEMPLATE, {"name": "new", "userData": encoded("new")})
    aws.calls.clear()
    changed = aws.change(made, launchTemplate={"id": other.id})
    assert aws.calls == []
    aws.change(made, launchTemplate={"id": other.id}, instanceRefresh={"strategy": "Rolling"})
    assert [name for name, _, _ in aws.calls] == ["compute.terminate", "compute.start_instance"]
    assert aws.called("compute.start_instance")[0][1]["user_data"] == "new"
    assert aws.replaced(changed, name="x", minSize=0) == ["name"]


def test_capacity_follows(aws: Aws, given: dict[str, Any]) -> None:
    made = aws.make(asg.ASG, {**given, "minSize": 0, "desiredCapacity": 0})
    up = aws.change(made, desiredCapacity=1)
    assert len(aws.called("compute.start_instance")) == 1
    aws.change(up, desiredCapacity=0)
    assert aws.called("compute.terminate") == [(("backup",), {})]


IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-"


@pytest.mark.parametrize(
    ("image", "instance", "text"),
    [
        (
            "x86_64",
            "t4g.small",
            "'arm64' of the specified instance type does not match the architecture 'x86_64'",
        ),
        (
            "arm64",
            "t3.small",
            "'x86_64' of the specified instance type does not match the architecture 'arm64'",
        ),
        ("sparc", "t3.small", "al2023-ami-kernel-default-sparc' does not exist"),
    ],
)
def test_an_image_found_at_launch_fits_its_machine(
    aws: Aws, given: dict[str, Any], image: str, instance: str, text: str
) -> None:
    wrong = aws.make(asg.TEMPLATE, {"name": "x", "imageId": IMAGE + image, "instanceType": instance})
    aws.refuses("ValidationError", text, asg.ASG, {**given, "launchTemplate": {"id": wrong.id}})
    for number, (good, fits) in enumerate((("x86_64", "t3.small"), ("arm64", "t4g.small"))):
        template = aws.make(
            asg.TEMPLATE, {"name": f"t{number}", "imageId": IMAGE + good, "instanceType": fits}
        )
        more = {**given, "name": f"g{number}", "launchTemplate": {"id": template.id}}
        aws.make(asg.ASG, more, f"g{number}")


def test_a_lifetime_is_a_day_at_least(aws: Aws, given: dict[str, Any]) -> None:
    text = "between 86400 and 31536000 seconds"
    aws.refuses("ValidationError", text, asg.ASG, {**given, "maxInstanceLifetime": 3600})
    aws.make(asg.ASG, {**given, "maxInstanceLifetime": 86_400})


def test_somebody_scales_a_group(aws: Aws, given: dict[str, Any]) -> None:
    made = aws.make(asg.ASG, {**given, "minSize": 0, "desiredCapacity": 1})
    asg.scale(aws.state, aws.world, "backup", 0)
    assert aws.called("compute.terminate") == [(("backup",), {})]
    asg.scale(aws.state, aws.world, "backup", 0)
    assert len(aws.called("compute.terminate")) == 1
    # An update that does not change the number leaves it as it is, as the provider does.
    there = aws.state.by_id(asg.ASG, "backup")
    assert there is not None
    changed = aws.change(there, healthCheckGracePeriod=60)
    assert changed.outputs["desiredCapacity"] == 0
    assert len(aws.called("compute.start_instance")) == 1
    asg.scale(aws.state, aws.world, "backup", 1)
    assert len(aws.called("compute.start_instance")) == 2
    for name, wanted, text in (
        ("backup", 2, "New SetDesiredCapacity value 2 is above max value 1"),
        ("none", 1, "AutoScalingGroup name not found"),
    ):
        with pytest.raises(CloudError, match=text):
            asg.scale(aws.state, aws.world, name, wanted)
    aws.delete(made)
