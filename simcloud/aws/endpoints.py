"""VPC endpoints, gateway and interface. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html"""

from __future__ import annotations

from simcloud.aws.base import AwsKind, existing, in_use, token_hex
from simcloud.aws.iam import document
from simcloud.aws.network import ENDPOINT, ROUTE_TABLE, SUBNET, VPC, network_of, not_found
from simcloud.kinds import UNKNOWN, CloudError, Context, Properties, Resource, kind

GATEWAYS = {"s3": "pl-78a54011", "dynamodb": "pl-48a54021"}
"""Services with a gateway, with their prefix lists in Seoul."""
# The ones that somebody here has a use for: https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
INTERFACES = {
    *("s3", "secretsmanager", "sts", "kms", "ssm", "ssmmessages", "ec2messages", "ec2", "logs", "monitoring"),
    *("ecr.api", "ecr.dkr", "eks", "eks-auth", "elasticloadbalancing", "autoscaling", "sns", "sqs", "lambda"),
    *("rds", "events"),
}


@kind
class VpcEndpoint(AwsKind):
    type = ENDPOINT
    prefix, arn_path, delete_latency = "vpce-", "vpc-endpoint/{id}", "vpc_endpoint"
    replace_on = frozenset({"vpcId", "serviceName", "vpcEndpointType", "serviceRegion", "region"})
    lasting = frozenset({"dnsEntries", "networkInterfaceIds"})

    def latency_of(self, inputs: Properties) -> str | None:
        return "vpc_endpoint" if inputs.get("vpcEndpointType") == "Interface" else None

    def check(self, ctx: Context, inputs: Properties) -> None:
        if inputs.get("policy") not in (None, UNKNOWN):
            document(inputs["policy"])

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        vpc = existing(ctx, VPC, inputs["vpcId"], *not_found("Vpc", inputs["vpcId"]))
        name, given = str(inputs.get("serviceName", "")), str(inputs.get("vpcEndpointType") or "Gateway")
        service = name.removeprefix(f"com.amazonaws.{ctx.region}.")
        types = [
            label
            for label, services in (("Gateway", GATEWAYS), ("Interface", INTERFACES))
            if service in services
        ]
        if not types:
            raise CloudError("InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist")
        if given not in types:
            # https://github.com/hashicorp/terraform/issues/24478
            raise CloudError(
                "InvalidParameter",
                f"Endpoint type ({given}) does not match available service types ([{', '.join(types)}]).",
            )
        if given == "Gateway":
            self._gateway(ctx, inputs, old, vpc, service)
        else:
            self._interface(ctx, inputs, old, vpc, service)

    def _gateway(
        self, ctx: Context, inputs: Properties, old: Resource | None, vpc: Resource, service: str
    ) -> None:
        if inputs.get("subnetIds"):
            # https://github.com/nanlabs/terraform-aws-starter/issues/18
            raise CloudError(
                "InvalidParameter",
                "Subnet IDs are only supported for Interface and GatewayLoadBalancer type VPC Endpoints.",
            )
        if inputs.get("securityGroupIds"):  # (I), after the neighbouring text
            raise CloudError(
                "InvalidParameter", "Security group IDs are only supported for Interface type VPC Endpoint."
            )
        if inputs.get("privateDnsEnabled"):  # (I), likewise
            raise CloudError(
                "InvalidParameter", "Private DNS is only supported for Interface type VPC Endpoint."
            )
        for id_ in inputs.get("routeTableIds") or []:
            text = f"The routeTable ID '{id_}' does not exist"
            table = existing(ctx, ROUTE_TABLE, id_, "InvalidRouteTableId.NotFound", text)
            if table.get("vpcId") != vpc.id:  # (I)
                raise CloudError(
                    "InvalidParameter", f"Route table {id_} and vpc {vpc.id} belong to different networks"
                )
            taken = [
                e
                for e in ctx.find(ENDPOINT, serviceName=inputs["serviceName"])
                if id_ in (e.get("routeTableIds") or []) and (old is None or e.id != old.id)
            ]
            # https://github.com/eksctl-io/eksctl/issues/2510
            text = (
                f"route table {id_} already has a route with destination-prefix-list-id {GATEWAYS[service]}"
            )
            in_use(taken, "RouteAlreadyExists", text)

    def _interface(
        self, ctx: Context, inputs: Properties, old: Resource | None, vpc: Resource, service: str
    ) -> None:
        if inputs.get("routeTableIds"):
            # https://github.com/ansible-collections/amazon.aws/issues/576
            raise CloudError(
                "InvalidParameter", "Route table IDs are only supported for Gateway type VPC Endpoint."
            )
        zones: set[str] = set()
        for id_ in inputs.get("subnetIds") or []:
            subnet = existing(
                ctx, SUBNET, id_, "InvalidSubnetId.NotFound", f"The subnet ID '{id_}' does not exist"
            )
            if subnet.get("vpcId") != vpc.id:  # (I)
                raise CloudError(
                    "InvalidParameter", f"Subnet {id_} and vpc {vpc.id} belong to different networks"
                )
            if subnet.get("availabilityZone") in zones:
                # https://github.com/terraform-aws-modules/terraform-aws-vpc/issues/583
                raise CloudError(
                    "DuplicateSubnetsInSameZone",
                    f"Found another VPC endpoint subnet in the availability zone of {id_}. VPC endpoint subnets "
                    "should be in different availability zones supported by the VPC endpoint service.",
                )
            zones.add(str(subnet.get("availabilityZone")))
        for group in inputs.get("securityGroupIds") or []:
            home = network_of(ctx, group)
            if home is None:
                raise CloudError("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
            if home != vpc.id:  # (I)
                raise CloudError(
                    "InvalidParameter",
                    f"Security group {group} and vpc {vpc.id} belong to different networks",
                )
        if not inputs.get("privateDnsEnabled"):
            return
        if not (vpc.get("enableDnsSupport", True) and vpc.get("enableDnsHostnames", False)):
            # https://docs.aws.amazon.com/vpc/latest/privatelink/interface-endpoints.html (wording (I))
            raise CloudError(
                "InvalidParameter",
                "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to "
                f"true for {vpc.id}",
            )
        others = ctx.find(ENDPOINT, vpcId=vpc.id, serviceName=inputs["serviceName"], privateDnsEnabled=True)
        # https://github.com/hashicorp/terraform-provider-aws/issues/17535
        text = (
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
            f"{service}.{ctx.region}.amazonaws.com in the VPC {vpc.id}"
        )
        in_use([e for e in others if old is None or e.id != old.id], "InvalidParameter", text)

    def shown(self, ctx: Context, res: Resource) -> Properties:
        service = str(res.inputs["serviceName"]).removeprefix(f"com.amazonaws.{ctx.region}.")
        if res.inputs.get("vpcEndpointType") != "Interface":
            return {"state": "available", "prefixListId": GATEWAYS[service]}
        host = f"{res.id}-{token_hex(8)}.{service}.{ctx.region}.vpce.amazonaws.com"
        names = [host] + (
            [f"{service}.{ctx.region}.amazonaws.com"] if res.inputs.get("privateDnsEnabled") else []
        )
        return {
            "state": "available",
            "ipAddressType": "ipv4",
            "dnsEntries": [{"dnsName": name, "hostedZoneId": "Z27UANNT0PRK1T"} for name in names],
            "networkInterfaceIds": [f"eni-0{token_hex(16)}" for _ in res.inputs.get("subnetIds") or []],
        }
