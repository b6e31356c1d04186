"""Launch templates and Auto Scaling groups; a group's instances run for real.

https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html
"""

from __future__ import annotations

import base64
import binascii

from simcloud.aws.base import AwsKind, Named, existing, in_use, token_hex
from simcloud.aws.iam import PROFILE
from simcloud.aws.network import SUBNET, network_of
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
ASG = "aws:autoscaling/group:Group"
MAX_USER_DATA = 16384


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
            raise CloudError(
                "ValidationError",
                "You must use a valid fully-formed launch template. Invalid IAM Instance Profile ARN",
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
        self._launch(ctx, res)
        return {}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        ran, runs = (int(each.get("desiredCapacity", 0)) > 0 for each in (old, res))
        changed = old.inputs.get("launchTemplate") != res.inputs.get("launchTemplate")
        renewed = changed and bool(res.inputs.get("instanceRefresh"))
        if ran and (renewed or not runs):
            ctx.world.compute.terminate(res.id)
        if runs and (renewed or not ran):
            self._launch(ctx, res)
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        ctx.world.compute.terminate(res.id)

    def _launch(self, ctx: Context, res: Resource) -> None:
        if not int(res.get("desiredCapacity", 0)):
            return
        template = ctx.by_id(TEMPLATE, str(res.inputs["launchTemplate"]["id"]))
        assert template is not None
        data = base64.b64decode(str(template.inputs.get("userData") or "")).decode()
        tags = {
            str(t["key"]): str(t["value"]) for t in res.inputs.get("tags") or [] if t.get("propagateAtLaunch")
        }
        ctx.world.compute.start_instance(res.id, user_data=data, tags=tags, region=ctx.region)
