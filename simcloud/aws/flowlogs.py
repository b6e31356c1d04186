"""VPC flow logs. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html"""

from __future__ import annotations

from typing import Any

from simcloud.aws.base import AwsKind, by_arn, existing, in_use
from simcloud.aws.iam import ROLE, trusts
from simcloud.aws.network import SUBNET, VPC, not_found
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
SUBJECTS: dict[str, tuple[str, str]] = {"vpcId": (VPC, "Vpc"), "subnetId": (SUBNET, "Subnet")}


@kind
class FlowLog(AwsKind):
    type = "aws:ec2/flowLog:FlowLog"
    prefix, arn_path = "fl-", "vpc-flow-log/{id}"
    # Nothing but the tags can be changed: "After you create a flow log, you cannot change its configuration or the
    # flow log record format" (https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-basics.html).
    replace_on = frozenset(
        {"vpcId", "subnetId", "eniId", "iamRoleArn", "logDestination", "logDestinationType", "logFormat"}
        | {"maxAggregationInterval", "trafficType", "deliverCrossAccountRole", "destinationOptions", "region"}
    )

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        subjects = [key for key in ("vpcId", "subnetId", "eniId") if inputs.get(key)]
        if len(subjects) != 1:  # (I): the provider asks for exactly one
            raise CloudError("InvalidParameter", "Exactly one resource to log must be specified.")
        if subjects[0] in SUBJECTS:
            token, what = SUBJECTS[subjects[0]]
            existing(ctx, token, inputs[subjects[0]], *not_found(what, inputs[subjects[0]]))
        if inputs.get("maxAggregationInterval", 600) not in (60, 600):
            raise CloudError(
                "InvalidParameter", "Invalid MaxAggregationInterval. Valid values are 60 and 600."
            )
        kind_of, role = inputs.get("logDestinationType", "cloud-watch-logs"), inputs.get("iamRoleArn")
        if kind_of == "cloud-watch-logs":
            self._to_logs(ctx, inputs, role)
        elif role and kind_of == "s3":
            # https://github.com/aws-samples/aws-secure-environment-accelerator/issues/1111
            raise CloudError("InvalidParameter", "DeliverLogsPermissionArn is not applicable for s3 delivery")
        same = [
            f
            for f in ctx.find(self.type)
            if all(f.inputs.get(k) == inputs.get(k) for k in (subjects[0], "logDestination", "trafficType"))
        ]
        # https://github.com/getmoto/moto/issues/6369
        text = "Error. There is an existing Flow Log with the same configuration and log destination."
        in_use([f for f in same if old is None or f.id != old.id], "FlowLogAlreadyExists", text)

    def _to_logs(self, ctx: Context, inputs: Properties, role: Any) -> None:
        if not role:  # (I)
            raise CloudError(
                "InvalidParameter", "DeliverLogsPermissionArn is required for cloud-watch-logs delivery."
            )
        found = by_arn(ctx, ROLE, role)
        if found is None or not trusts(found, "vpc-flow-logs.amazonaws.com"):  # (I)
            raise CloudError("InvalidParameter", f"Unable to assume given IAM role {role} to deliver logs.")
        # The cloud itself takes a group that does not exist and then logs nothing, in status "Access error"
        # (cloud-custodian#5645); here it is refused, or a typing mistake would pass for a working log.
        group = str(inputs.get("logDestination") or "").removesuffix(":*")
        if by_arn(ctx, LOG_GROUP, group) is None:
            raise CloudError(
                "InvalidParameter",
                f"LogDestination {group} does not exist: the flow log would have no access.",
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"arn": self.arn(ctx, res)}
