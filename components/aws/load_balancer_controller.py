"""The AWS Load Balancer Controller, for one thing only: to keep the program's target group filled with pods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.aws.pod_identity import PodRole, PodRoleArgs
from components.naming import child

ACCOUNT = "aws-load-balancer-controller"
CHART_VERSION = "1.13.4"  # Helm never updates CRDs: with a newer chart, apply its CRDs first


@dataclass(frozen=True, kw_only=True)
class LoadBalancerControllerArgs:
    """`workload` is the component that held these resources in the first release; `after` are the nodes, `manifests`
    what the binding's Service is among."""

    project: str
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    region: str
    vpc_id: pulumi.Input[str]
    target_group_arn: pulumi.Input[str]
    workload: pulumi.Resource
    after: Sequence[pulumi.Resource]
    manifests: pulumi.Resource


class LoadBalancerController(pulumi.ComponentResource):
    """The controller with its role, and the TargetGroupBinding of the web tier."""

    def __init__(
        self, name: str, args: LoadBalancerControllerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("planb:aws:LoadBalancerController", name, None, opts)
        # By the names of the first release, so that an update keeps them.
        formerly = [pulumi.Alias(name="workload-lbc", parent=args.workload)]
        bound = [pulumi.Alias(name="workload-binding", parent=args.workload)]
        # What v2.13.4 calls for bindings of IP targets without `networking` (pkg/targetgroupbinding, pkg/networking,
        # webhooks/elbv2): none of the Describe calls takes a resource.
        read = ["elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"]
        read += ["ec2:DescribeSecurityGroups", "ec2:DescribeVpcs"]
        change = ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"]
        role = PodRole(
            self,
            f"{name}-role",
            PodRoleArgs(
                role_name=f"{args.project}-lb-controller",
                cluster_name=args.cluster_name,
                cluster_arn=args.cluster_arn,
                namespace="kube-system",
                service_account=ACCOUNT,
                policy_name="bind-target-group",
                statements=pulumi.Output.from_input(args.target_group_arn).apply(
                    lambda arn: [
                        {"Effect": "Allow", "Action": read, "Resource": "*"},
                        {"Effect": "Allow", "Action": change, "Resource": arn},
                    ]
                ),
            ),
            aliases={"role": formerly, "policy": formerly},
        )
        controller = k8s.helm.v3.Release(
            f"{name}-chart",
            name="aws-load-balancer-controller",
            chart="aws-load-balancer-controller",
            version=CHART_VERSION,
            namespace="kube-system",
            repository_opts={"repo": "https://aws.github.io/eks-charts"},
            values={
                "clusterName": args.cluster_name,
                "region": args.region,
                "vpcId": args.vpc_id,
                "serviceAccount": {"name": ACCOUNT},
                "replicaCount": 2,
                "podDisruptionBudget": {"maxUnavailable": 1},
                "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                # It owns no load balancer: no ingress class, no groups or firewalls of its own making.
                "createIngressClassResource": False,
                "ingressClassParams": {"create": False},
                "enableBackendSecurityGroup": False,
                "enableShield": False,
                "enableWaf": False,
                "enableWafv2": False,
                # With it, no Service could be made in the whole cluster while the controller is down.
                "enableServiceMutatorWebhook": False,
            },
            opts=child(self, depends_on=[*role.ready, *args.after], aliases=formerly),
        )
        k8s.apiextensions.CustomResource(
            f"{name}-binding",
            api_version="elbv2.k8s.aws/v1beta1",
            kind="TargetGroupBinding",
            metadata={"name": "web", "namespace": "web"},
            spec={
                "serviceRef": {"name": "web", "port": 8080},
                "targetGroupARN": args.target_group_arn,
                "targetType": "ip",
            },
            # Deleted before the controller, which has a finalizer on it to take away.
            opts=child(self, depends_on=[controller, args.manifests], aliases=bound),
        )
        self.register_outputs({})
