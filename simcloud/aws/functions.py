"""Provider functions of AWS that the program may call."""

from __future__ import annotations

from simcloud.kinds import CloudError, Context, Function, Properties, function

PREFIX_LISTS = {"com.amazonaws.global.cloudfront.origin-facing": "pl-22a6434b"}
AMI_PARAMETERS = ("/aws/service/ami-amazon-linux-latest/", "/aws/service/eks/optimized-ami/")


@function
class GetCallerIdentity(Function):
    token = "aws:index/getCallerIdentity:getCallerIdentity"

    def invoke(self, ctx: Context, args: Properties) -> Properties:
        arn = f"arn:aws:iam::{ctx.account}:user/planb"
        return {"accountId": ctx.account, "arn": arn, "id": ctx.account, "userId": "AIDAIOSFODNN7EXAMPLE"}


@function
class GetPartition(Function):
    token = "aws:index/getPartition:getPartition"

    def invoke(self, ctx: Context, args: Properties) -> Properties:
        return {
            "partition": "aws",
            "id": "aws",
            "dnsSuffix": "amazonaws.com",
            "reverseDnsPrefix": "com.amazonaws",
        }


@function
class GetRegion(Function):
    token = "aws:index/getRegion:getRegion"

    def invoke(self, ctx: Context, args: Properties) -> Properties:
        region = str(args.get("region") or ctx.region)
        facts = {"description": "Asia Pacific (Seoul)", "endpoint": f"ec2.{region}.amazonaws.com"}
        return {"id": region, "name": region, "region": region, **facts}


@function
class GetParameter(Function):
    """Public AMI parameters only; the account has none of its own."""

    token = "aws:ssm/getParameter:getParameter"

    def invoke(self, ctx: Context, args: Properties) -> Properties:
        name = str(args["name"])
        if not name.startswith(AMI_PARAMETERS):
            raise CloudError("ParameterNotFound", f"SSM Parameter ({name})")
        return {
            "id": name,
            "name": name,
            "arn": f"arn:aws:ssm:{ctx.region}::parameter{name}",
            "type": "String",
            "value": "ami-0a1b2c3d4e5f60718",
            "insecureValue": "ami-0a1b2c3d4e5f60718",
            "version": 1,
            "region": ctx.region,
        }


@function
class GetManagedPrefixList(Function):
    token = "aws:ec2/getManagedPrefixList:getManagedPrefixList"

    def invoke(self, ctx: Context, args: Properties) -> Properties:
        name = str(args.get("name"))
        if name not in PREFIX_LISTS:
            raise CloudError(
                "InvalidPrefixListId.NotFound", f"no matching EC2 Managed Prefix List found: {name}"
            )
        return {
            "id": PREFIX_LISTS[name],
            "name": name,
            "addressFamily": "IPv4",
            "maxEntries": 55,
            "version": 1,
        }
