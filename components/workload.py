"""PetClinic on either cluster: the manifests of workload/ by kustomize, and what only the program knows."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s
from pulumi_aws import iam

from components.naming import child

CONTROLLER_ACCOUNT = "aws-load-balancer-controller"


@dataclass(frozen=True, kw_only=True)
class AwsBinding:
    """What binds pods to the load balancer that the program owns."""

    project: str
    cluster_name: pulumi.Input[str]
    region: str
    vpc_id: pulumi.Input[str]
    target_group_arn: pulumi.Input[str]
    oidc_provider_arn: pulumi.Input[str]
    oidc_issuer: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class WorkloadArgs:
    """`overlay` is a directory for kustomize; `await_ready` waits until the pods answer."""

    kubeconfig: pulumi.Input[str]
    overlay: str
    database_host: pulumi.Input[str]
    database_name: str
    database_user: str
    database_password: pulumi.Input[str]
    await_ready: bool
    after: list[pulumi.Resource]
    """Node groups: pods have nowhere to run before. (A component's own depends_on does not reach its children.)"""
    aws: AwsBinding | None = None


class Workload(pulumi.ComponentResource):
    """Manifests, the database Secret that they refer to, and on AWS the TargetGroupBinding with its controller."""

    def __init__(self, name: str, args: WorkloadArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:index:Workload", name, None, opts)
        provider = k8s.Provider(
            f"{name}-cluster",
            kubeconfig=args.kubeconfig,
            enable_server_side_apply=True,
            # A cluster that is gone takes its objects along; otherwise a destroy would hang on it.
            delete_unreachable=True,
            opts=child(self),
        )
        own = child(self, provider=provider, depends_on=args.after)
        namespace = k8s.core.v1.Namespace(
            f"{name}-was-namespace",
            metadata={
                "name": "was",
                "labels": {"tier": "was", "pod-security.kubernetes.io/enforce": "restricted"},
            },
            opts=own,
        )
        url = pulumi.Output.concat(
            "jdbc:mysql://",
            args.database_host,
            f":3306/{args.database_name}?sslMode=VERIFY_IDENTITY&connectTimeout=2000",
        )
        secret = k8s.core.v1.Secret(
            f"{name}-database",
            metadata={"name": "was-database", "namespace": namespace.metadata.name},
            string_data={
                "SPRING_DATASOURCE_URL": url,
                "SPRING_DATASOURCE_USERNAME": args.database_user,
                "SPRING_DATASOURCE_PASSWORD": args.database_password,
            },
            opts=own,
        )
        manifests = k8s.kustomize.v2.Directory(
            f"{name}-manifests",
            directory=args.overlay,
            skip_await=not args.await_ready,
            opts=child(self, providers=[provider], depends_on=[secret, *args.after]),
        )
        if args.aws:
            self._bind(name, args.aws, own, manifests)
        self.register_outputs({})

    def _bind(
        self, name: str, aws: AwsBinding, own: pulumi.ResourceOptions, manifests: pulumi.Resource
    ) -> None:
        role = iam.Role(
            f"{name}-lbc",
            name=f"{aws.project}-lb-controller",
            assume_role_policy=pulumi.Output.all(aws.oidc_provider_arn, aws.oidc_issuer).apply(
                lambda values: _irsa_trust(values[0], values[1])
            ),
            tags={"Name": f"{aws.project}-lb-controller"},
            opts=child(self),
        )
        # It binds pods to a target group that the program owns, and owns no load balancer itself.
        actions = ["elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"]
        actions += ["ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups"]
        actions += ["ec2:DescribeSubnets", "ec2:DescribeVpcs", "ec2:DescribeAvailabilityZones"]
        change = ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"]
        statements = [
            {"Effect": "Allow", "Action": actions, "Resource": "*"},  # Describe* take no resource
            {"Effect": "Allow", "Action": change, "Resource": aws.target_group_arn},
        ]
        policy = iam.RolePolicy(
            f"{name}-lbc",
            name="bind-target-group",
            role=role.name,
            policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements}),
            opts=child(self),
        )
        controller = k8s.helm.v3.Release(
            f"{name}-lbc",
            name="aws-load-balancer-controller",
            chart="aws-load-balancer-controller",
            version="1.13.4",
            namespace="kube-system",
            repository_opts={"repo": "https://aws.github.io/eks-charts"},
            values={
                "clusterName": aws.cluster_name,
                "region": aws.region,
                "vpcId": aws.vpc_id,
                "serviceAccount": {
                    "name": CONTROLLER_ACCOUNT,
                    "annotations": {"eks.amazonaws.com/role-arn": role.arn},
                },
            },
            opts=pulumi.ResourceOptions.merge(own, pulumi.ResourceOptions(depends_on=[policy])),
        )
        k8s.apiextensions.CustomResource(
            f"{name}-binding",
            api_version="elbv2.k8s.aws/v1beta1",
            kind="TargetGroupBinding",
            metadata={"name": "web", "namespace": "web"},
            spec={
                "serviceRef": {"name": "web", "port": 8080},
                "targetGroupARN": aws.target_group_arn,
                "targetType": "ip",
            },
            opts=pulumi.ResourceOptions.merge(
                own, pulumi.ResourceOptions(depends_on=[controller, manifests])
            ),
        )


def _irsa_trust(provider_arn: str, issuer: str) -> str:
    """Trust for the controller's own service account and no other."""
    host = issuer.removeprefix("https://")
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Principal": {"Federated": provider_arn},
                    "Condition": {
                        "StringEquals": {
                            f"{host}:sub": f"system:serviceaccount:kube-system:{CONTROLLER_ACCOUNT}",
                            f"{host}:aud": "sts.amazonaws.com",
                        }
                    },
                }
            ],
        }
    )
