"""Lambda functions: what the service checks before it takes one. They are not run.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
"""

from __future__ import annotations

import re
from typing import Any

from simcloud.aws.base import AwsKind, Named, by_arn, existing, in_use, token_hex
from simcloud.aws.iam import KEY, ROLE, trusts
from simcloud.aws.network import GROUP, SUBNET
from simcloud.aws.policies import role_allows
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

FUNCTION = "aws:lambda/function:Function"
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
PYTHON = ("python3.11", "python3.12", "python3.13", "python3.14")
OTHERS = (
    "nodejs22.x",
    "nodejs24.x",
    "java17",
    "java21",
    "java25",
    "dotnet8",
    "dotnet10",
    "ruby3.3",
    "ruby3.4",
)
RUNTIMES = {*PYTHON, *OTHERS, "provided.al2023"}
ACCOUNT_CONCURRENCY, UNRESERVED_MINIMUM = 1000, 100
RANGES = {"memorySize": (128, 32_768), "timeout": (1, 900)}
NETWORK_ACTIONS = ("CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface")


def wrong(text: str) -> CloudError:
    return CloudError("InvalidParameterValueException", text)


@kind
class Function(Named):
    type = FUNCTION
    service, arn_path, latency, delete_latency = "lambda", "function:{name}", "lambda", "lambda_delete"
    replace_on = frozenset({"name", "region", "packageType"})
    lasting = frozenset({"lastModified"})

    def latency_of(self, inputs: Properties) -> str | None:
        return "lambda_vpc" if inputs.get("vpcConfig") else "lambda"

    def check(self, ctx: Context, inputs: Properties) -> None:
        for key, (low, high) in RANGES.items():
            value = inputs.get(key)
            if isinstance(value, int) and not low <= value <= high:
                name = re.sub(r"(?=[A-Z])", "_", key).lower()
                text = f"expected {name} to be in the range ({low} - {high}), got {value}"
                raise CloudError("InvalidConfiguration", text)
        if not any(inputs.get(key) is not None for key in ("code", "imageUri", "s3Bucket")):
            text = "one of `filename,image_uri,s3_bucket` must be specified"
            raise CloudError("InvalidConfiguration", text)
        if inputs.get("packageType", "Zip") == "Zip" and not (
            inputs.get("handler") and inputs.get("runtime")
        ):
            text = "handler and runtime must be set when PackageType is Zip"
            raise CloudError("InvalidConfiguration", text)

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        name = str(inputs["name"])
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
            raise CloudError(
                "ValidationException",
                f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint",
            )
        if old is None:
            text = f"Function already exist: {name}"
            in_use(ctx.find(FUNCTION, name=name), "ResourceConflictException", text)
        self._runtime(str(inputs.get("runtime", "")))
        role = by_arn(ctx, ROLE, inputs["role"])
        if role is None or not trusts(role, "lambda.amazonaws.com"):
            raise wrong("The role defined for the function cannot be assumed by Lambda.")
        region = self.region_of(ctx, inputs)
        self._network(ctx, inputs.get("vpcConfig"), role, region)

        def may(action: str, service: str, resource: str) -> None:
            if not role_allows(ctx, role.id, f"{service.lower()}:{action}", [resource]):
                raise wrong(
                    f"The provided execution role does not have permissions to call {action} on {service}"
                )

        if target := (inputs.get("deadLetterConfig") or {}).get("targetArn"):
            service = str(target).split(":")[2].upper()
            may("SendMessage" if service == "SQS" else "Publish", service, str(target))
        if (inputs.get("tracingConfig") or {}).get("mode") == "Active":
            may("PutTraceSegments", "XRAY", "*")
        if inputs.get("kmsKeyArn"):
            key = by_arn(ctx, KEY, inputs["kmsKeyArn"])
            if key is None or key.region != region:
                raise wrong(
                    "Lambda was unable to configure access to your environment variables because the KMS key is "
                    "invalid for CreateGrant. Please check your KMS key settings."
                )
        self._concurrency(ctx, inputs, region, old)

    def _runtime(self, runtime: str) -> None:
        if runtime in RUNTIMES:
            return
        family = re.match(r"[a-z]+", runtime)
        newer = next((r for r in reversed(PYTHON + OTHERS) if family and r.startswith(family[0])), None)
        if newer is None:
            raise wrong(
                f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set"
            )
        # Wording: https://repost.aws/questions/QUVhoUXEhDSBGXtsiU8xCpIA
        raise wrong(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda "
            f"functions. We recommend you use a supported runtime while creating or updating functions."
        )

    def _network(self, ctx: Context, config: dict[str, Any] | None, role: Resource, region: str) -> None:
        """The interfaces in the VPC are the execution role's to make, in each subnet and with each group."""
        if not config or not config.get("subnetIds"):
            return
        for token, key, what, code in (
            (SUBNET, "subnetIds", "Subnet", "InvalidSubnetID.NotFound"),
            (GROUP, "securityGroupIds", "SecurityGroup", "InvalidGroup.NotFound"),
        ):
            for id_ in config.get(key) or []:
                kind_ = "subnet ID" if token == SUBNET else "security group"
                text = (
                    f"Error occurred while Describe{what}s. EC2 Error Code: {code}. "
                    f"EC2 Error Message: The {kind_} '{id_}' does not exist"
                )
                existing(ctx, token, id_, "InvalidParameterValueException", text)
        # DescribeNetworkInterfaces takes no resource; the others are asked about each thing they touch:
        # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
        near = f"arn:aws:ec2:{region}:{ctx.account}"
        touched = {
            "CreateNetworkInterface": [
                f"{near}:network-interface/*",
                *(f"{near}:subnet/{id_}" for id_ in config["subnetIds"]),
                *(f"{near}:security-group/{id_}" for id_ in config.get("securityGroupIds") or []),
            ],
            "DescribeNetworkInterfaces": ["*"],
            "DeleteNetworkInterface": [f"{near}:network-interface/*"],
        }
        for action in NETWORK_ACTIONS:
            if not role_allows(ctx, role.id, f"ec2:{action}", touched[action]):
                # Wording as quoted in public reports; the provider retries on it.
                raise wrong(f"The provided execution role does not have permissions to call {action} on EC2")

    def _concurrency(self, ctx: Context, inputs: Properties, region: str, old: Resource | None) -> None:
        wanted = int(inputs.get("reservedConcurrentExecutions", -1))
        others = [f for f in ctx.find(FUNCTION, region=region) if old is None or f.id != old.id]
        taken = sum(max(0, int(f.inputs.get("reservedConcurrentExecutions", -1))) for f in others)
        if wanted > 0 and ACCOUNT_CONCURRENCY - taken - wanted < UNRESERVED_MINIMUM:
            raise wrong(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_MINIMUM}]."
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        arn = self.arn(ctx, res)
        invoke = f"arn:aws:apigateway:{res.region}:lambda:path/2015-03-31/functions/{arn}/invocations"
        return {
            "invokeArn": invoke,
            "qualifiedArn": f"{arn}:$LATEST",
            "version": "$LATEST",
            "lastModified": "2026-11-24T00:00:00.000+0000",
        }


def _function(ctx: Context, name: object) -> Resource:
    """By name or ARN, as both are taken."""
    text = str(name)
    found = ctx.find(FUNCTION, arn=text) if text.startswith("arn:") else ctx.find(FUNCTION, name=text)
    if not found:
        raise CloudError("ResourceNotFoundException", f"Function not found: {text}")
    return found[0]


@kind
class Permission(AwsKind):
    type = "aws:lambda/permission:Permission"
    replace_on = frozenset(
        {
            "action",
            "function",
            "principal",
            "qualifier",
            "sourceAccount",
            "sourceArn",
            "statementId",
            "region",
        }
    )

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        return {"statementId": (old or {}).get("statementId") or f"{name}-{token_hex(7)}", **inputs}

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs["statementId"])

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        function = _function(ctx, inputs["function"])
        if not re.fullmatch(r"lambda:(\*|[a-zA-Z]+)", str(inputs["action"])):
            raise CloudError(
                "ValidationException",
                f"1 validation error detected: Value '{inputs['action']}' at 'action' failed to satisfy constraint",
            )
        if old is None:
            taken = [
                p
                for p in ctx.find(self.type, statementId=inputs["statementId"])
                if _function(ctx, p.inputs["function"]).id == function.id
            ]
            text = (
                f"The statement id ({inputs['statementId']}) provided already exists. "
                "Please provide a new statement id, or remove the existing statement."
            )
            in_use(taken, "ResourceConflictException", text)


@kind
class EventInvokeConfig(AwsKind):
    type = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
    replace_on = frozenset({"functionName", "qualifier", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs["functionName"])

    def check(self, ctx: Context, inputs: Properties) -> None:
        for key, low, high in (("maximumRetryAttempts", 0, 2), ("maximumEventAgeInSeconds", 60, 21_600)):
            value = inputs.get(key)
            if isinstance(value, int) and not low <= value <= high:
                name = re.sub(r"(?=[A-Z])", "_", key).lower()
                text = f"expected {name} to be in the range ({low} - {high}), got {value}"
                raise CloudError("InvalidConfiguration", text)

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        _function(ctx, inputs["functionName"])
