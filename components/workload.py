"""PetClinic on either cluster: the manifests of workload/ by kustomize, and what only the program knows."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.naming import child


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


class Workload(pulumi.ComponentResource):
    """Manifests and the database Secret that they refer to; `provider` is for what else belongs into the cluster."""

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
        self.provider: pulumi.ProviderResource = provider
        self.manifests: pulumi.Resource = manifests
        self.register_outputs({})
