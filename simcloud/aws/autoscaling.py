"""Launch templates and Auto Scaling groups; a group's instances run for real.

https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html
"""

from __future__ import annotations

import base64
import binascii
import re

from simcloud.aws.base import AwsKind, Named, existing, in_use, token_hex
from simcloud.aws.iam import PROFILE
from simcloud.aws.network import SUBNET, network_of
from simcloud.kinds import CloudError, Context, Properties, Resource, kind
from simcloud.state import State
from simcloud.world import World

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
ASG = "aws:autoscaling/group:Group"
MAX_USER_DATA = 16384
AMI = re.compile(r"resolve:ssm:(/aws/service/ami-amazon-linux-latest/[\w.-]+?-(x86_64|arm64))(?::\d+)?")
"""The images that Amazon publishes, found at launch (docs: using-systems-manager-parameters.html)."""
GRAVITON = re.compile(r"(a1|[a-z]+\d+g[a-z]*)\.")
UNFORMED = "You must use a valid fully-formed launch template. "


@kind
class LaunchTemplate(AwsKind):
    type = TEMPLATE
    prefix, arn_path = "lt-", "launch-template/{id}"
    replace_on = frozenset({"name", "namePrefix", "region"})

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        if inputs.get("name") or inputs.get("namePrefix"):
            return inputs
        return {**inputs, "name": (old or {}).get("name") or f"{name}-{token_hex(7)}"}

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        if old is None and inputs.get("name"):
            in_use(
                ctx.find(TEMPLATE, name=inputs["name"]),
                "InvalidLaunchTemplateName.AlreadyExistsException",
                "Launch template name already in use.",
            )
        if inputs.get("userData"):
            try:
                data = base64.b64decode(str(inputs["userData"]), validate=True)
            except (binascii.Error, ValueError):
                raise CloudError(
                    "InvalidUserData.Malformed", "Invalid BASE64 encoding of user data."
                ) from None
            if len(data) > MAX_USER_DATA:
                raise CloudError("InvalidUserData.Malformed", "User data is limited to 16384 bytes")
        for group in inputs.get("vpcSecurityGroupIds") or []:
            if network_of(ctx, group) is None:
                raise CloudError("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
        options = inputs.get("metadataOptions") or {}
        if options.get("httpTokens") not in (None, "required", "optional"):
            raise CloudError(
                "InvalidParameterValue",
                f"Value ({options['httpTokens']}) for parameter HttpTokens is invalid.",
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        version = int(res.outputs.get("latestVersion", 0)) + 1
        return {"latestVersion": version, "defaultVersion": 1}


@kind
class Group(Named):
    type = ASG
    service, longest, latency, delete_latency = "autoscaling", 255, "asg", "asg"
    replace_on = frozenset({"name", "namePrefix", "region"})
    lasting = frozenset({"arn"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        if old is None:
            in_use(
                ctx.find(ASG, name=inputs["name"]),
                "AlreadyExists",
                "AutoScalingGroup by this name already exists - A group with the name "
                f"{inputs['name']} already exists",
            )
        low, high = int(inputs["minSize"]), int(inputs["maxSize"])
        want = int(inputs.get("desiredCapacity", low))
        if not low <= want <= high:
            raise CloudError(
                "ValidationError",
                f"Desired capacity:{want} must be between the specified min size:{low} and max size:{high}",
            )
        template = inputs.get("launchTemplate")
        if not template:
            raise CloudError(
                "ValidationError",
                "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, "
                "InstanceId or MixedInstancesPolicy parameter.",
            )
        found = existing(
            ctx,
            TEMPLATE,
            template.get("id"),
            "ValidationError",
            "You must use a valid fully-formed launch template. The specified launch "
            "template, with template ID, does not exist.",
        )
        for subnet in inputs.get("vpcZoneIdentifiers") or []:
            existing(ctx, SUBNET, subnet, "ValidationError", f"The subnet ID '{subnet}' does not exist")
        arn = (found.inputs.get("iamInstanceProfile") or {}).get("arn")
        if arn and not ctx.find(PROFILE, arn=arn):
            raise CloudError("ValidationError", UNFORMED + "Invalid IAM Instance Profile ARN")
        _image(found)
        lifetime = int(inputs.get("maxInstanceLifetime") or 0)
        if lifetime and not 86_400 <= lifetime <= 31_536_000:
            # https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html
            raise CloudError(
                "ValidationError",
                "Max instance lifetime must be 0 or between 86400 and 31536000 seconds (1 and 365 days).",  # (I)
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {
            "arn": (
                f"arn:aws:autoscaling:{ctx.region}:{ctx.account}:autoScalingGroup:{token_hex(8)}"
                f":autoScalingGroupName/{res.id}"
            ),
            "desiredCapacity": res.inputs.get("desiredCapacity", res.inputs["minSize"]),
            "predictedCapacity": 0,
        }

    def create(self, ctx: Context, res: Resource) -> Properties:
        launch(ctx.state, ctx.world, res)
        return {}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        now = int(old.get("desiredCapacity", 0))
        # What the program does not change stays as it is, also if somebody scaled the group meanwhile.
        same = old.inputs.get("desiredCapacity") == res.inputs.get("desiredCapacity")
        wanted = now if same else int(res.inputs.get("desiredCapacity", res.inputs["minSize"]))
        wanted = max(int(res.inputs["minSize"]), min(wanted, int(res.inputs["maxSize"])))
        res.outputs["desiredCapacity"] = wanted
        ran, runs = now > 0, wanted > 0
        changed = old.inputs.get("launchTemplate") != res.inputs.get("launchTemplate")
        renewed = changed and bool(res.inputs.get("instanceRefresh"))
        if ran and (renewed or not runs):
            ctx.world.compute.terminate(res.id)
        if runs and (renewed or not ran):
            launch(ctx.state, ctx.world, res)
        return {"desiredCapacity": wanted}

    def delete(self, ctx: Context, res: Resource) -> None:
        ctx.world.compute.terminate(res.id)


def launch(state: State, world: World, group: Resource) -> None:
    """Starts the group's machine from its template, unless it wants none."""
    if not int(group.get("desiredCapacity", 0)):
        return
    template = state.by_id(TEMPLATE, str(group.inputs["launchTemplate"]["id"]))
    assert template is not None
    data = base64.b64decode(str(template.inputs.get("userData") or "")).decode()
    tags = {
        str(t["key"]): str(t["value"]) for t in group.inputs.get("tags") or [] if t.get("propagateAtLaunch")
    }
    world.compute.start_instance(group.id, user_data=data, tags=tags, region=group.region)


def scale(state: State, world: World, name: str, wanted: int) -> None:
    """SetDesiredCapacity, by whoever may: the machine comes or goes."""
    group = state.by_id(ASG, name)
    if group is None:
        raise CloudError("ValidationError", "AutoScalingGroup name not found - null")
    low, high = int(group.inputs["minSize"]), int(group.inputs["maxSize"])
    if not low <= wanted <= high:
        what = f"above max value {high}" if wanted > high else f"below min value {low}"
        raise CloudError(
            "ValidationError",
            f"New SetDesiredCapacity value {wanted} is {what} for the AutoScalingGroup.",
        )
    was = int(group.get("desiredCapacity", 0))
    group.outputs["desiredCapacity"] = wanted
    state.put(group)
    if wanted and not was:
        launch(state, world, group)
    elif was and not wanted:
        world.compute.terminate(group.id)


def _image(template: Resource) -> None:
    """An image by its public parameter must exist, for the architecture of the instance type."""
    image, instance = (
        str(template.inputs.get("imageId") or ""),
        str(template.inputs.get("instanceType") or ""),
    )
    if not image.startswith("resolve:ssm:"):
        return
    found = AMI.fullmatch(image)
    if found is None:
        parameter = image.removeprefix("resolve:ssm:")
        text = f"The Systems Manager parameter '{parameter}' does not exist"  # (I)
        raise CloudError("ValidationError", UNFORMED + text)
    own = "arm64" if GRAVITON.match(instance) else "x86_64"
    if instance and own != found[2]:
        raise CloudError(  # RunInstances' words (I)
            "ValidationError",
            UNFORMED
            + f"The architecture '{own}' of the specified instance type does not match the architecture "
            f"'{found[2]}' of the specified AMI. Specify an instance type and an AMI that have matching architectures, "
            "and try again. You can use 'describe-instance-types' or 'describe-images' to discover the architecture "
            "of the instance type or AMI.",
        )
