"""A cloud that writes down what the program asks for, and answers like an engine: in preview it knows nothing."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import pulumi
import pulumi_aws as aws
import pytest
from pulumi.runtime import config, mocks, rpc, settings
from pulumi.runtime.stack import run_pulumi_func

REFERENCE = {rpc._special_sig_key: rpc._special_resource_sig}  # type: ignore[attr-defined]
SECRET = {rpc._special_sig_key: rpc._special_secret_sig}  # type: ignore[attr-defined]
PROJECT, ORGANIZATION, SUBSCRIPTION = "planb", "organization", "00000000-0000-4000-8000-0000000b1a4b"
ACCOUNT = "123456789012"
KUBECONFIG = '{"clusters": []}'
EKS = "eks:index:Cluster"
PACKAGES = {"aws": "pulumi:providers:aws", "azure-native": "pulumi:providers:azure-native"}
STANDBY = {
    "backupContainerUrl": "https://bloberry01.blob.core.windows.net/mysql-backups",
    "staticSiteHost": "bloberry01web.z12.web.core.windows.net",
}


def plain(value: Any) -> Any:
    """A value without the wrappers of secrets."""
    if isinstance(value, dict):
        if rpc.is_rpc_secret(value):
            return plain(value["value"])
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


@dataclass(frozen=True)
class Made:
    """One registration as the engine sees it."""

    type: str
    name: str
    urn: str
    parent: str
    provider: str
    custom: bool
    remote: bool
    protect: bool
    retain: bool
    ignored: tuple[str, ...]
    after: frozenset[str]
    inputs: dict[str, Any]
    wrapped: dict[str, Any]
    """The inputs with their secrets still marked."""

    @property
    def package(self) -> str:
        return self.type.split(":")[0]

    def __getitem__(self, key: str) -> Any:
        return self.inputs[key]


@dataclass
class Recorded:
    """All that one run of a program asked for."""

    made: list[Made] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What components registered, by URN."""
    exports: dict[str, Any] = field(default_factory=dict)

    def all(self, kind: str) -> list[Made]:
        """Of one type, by its last part (`SecurityGroup`) or by its whole token."""
        return [item for item in self.made if kind in (item.type, item.type.split(":")[-1])]

    def one(self, kind: str, name: str | None = None) -> Made:
        (found,) = [item for item in self.all(kind) if name in (None, item.name)]
        return found

    def keys(self) -> set[tuple[str, str]]:
        return {(item.type, item.name) for item in self.made}


class Cloud(mocks.Mocks):
    """Computed values are made from names, so that a test can tell whose they are."""

    def __init__(self, preview: bool) -> None:
        self.preview = preview

    def call(self, args: mocks.MockCallArgs) -> tuple[dict, list[tuple[str, str]] | None]:
        answers: dict[str, dict[str, Any]] = {
            "azure-native:authorization:getClientConfig": {
                "clientId": "c",
                "objectId": "o",
                "tenantId": "t",
                "subscriptionId": SUBSCRIPTION,
            },
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT},
            "aws:ec2/getManagedPrefixList:getManagedPrefixList": {"id": "pl-22a6434b"},
            "aws:ssm/getParameter:getParameter": {"value": "ami-0123456789abcdef0"},
            "azure-native:containerservice:listManagedClusterUserCredentials": {
                "kubeconfigs": [
                    {"name": "clusterUser", "value": base64.b64encode(KUBECONFIG.encode()).decode()}
                ]
            },
        }
        return answers[args.token], []

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict]:
        state = dict(args.inputs)
        if args.typ == "pulumi:pulumi:StackReference":
            return args.name, {"name": args.name, "outputs": STANDBY, "secretOutputNames": []}
        if args.typ == EKS:
            return None, {**state, **self._eks(args.name)}
        if args.typ == "azure-native:containerinstance:ContainerGroup":
            # Asked for as a list, answered as a mapping.
            names = state["identity"]["userAssignedIdentities"]
            state["identity"] = {
                **state["identity"],
                "userAssignedIdentities": {name: {} for name in names if isinstance(name, str)},
            }
        if self.preview:
            return ("", state) if args.custom else (None, state)
        return f"{args.name}-id", {**state, **self._computed(args)}

    def _eks(self, name: str) -> dict[str, Any]:
        urn = f"urn:pulumi:prod::{PROJECT}::{EKS}$aws:eks/cluster:Cluster::{name}-eksCluster"
        known = {"kubeconfigJson": KUBECONFIG, "oidcProviderArn": "arn:oidc", "oidcIssuer": "https://oidc/id"}
        return {"eksCluster": {**REFERENCE, "urn": urn, "id": "eks-id"}, "core": {}, **known}

    def _computed(self, args: mocks.MockResourceArgs) -> dict[str, Any]:
        name, kind = args.name, args.typ.split(":")[-1]
        found: dict[str, Any] = {"arn": f"arn:{kind}:{name}"}
        own_name = {
            "ResourceGroup": "resourceGroupName",
            "VirtualNetwork": "virtualNetworkName",
            "StorageAccount": "accountName",
            "PrivateZone": "privateZoneName",
            "Server": "serverName",
            "ContainerGroup": "containerGroupName",
            "ManagedCluster": "resourceName",
            "BlobContainer": "containerName",
            "UserAssignedIdentity": "resourceName",
        }
        if kind in own_name:
            found["name"] = args.inputs[own_name[kind]]
        particular: dict[str, dict[str, Any]] = {
            # The engine marks it, as the provider's schema says.
            "RandomPassword": {"result": {**SECRET, "value": f"canary-{name}"}},
            "StorageAccount": {
                "primaryEndpoints": {
                    "blob": f"https://{found.get('name')}.blob.core.windows.net/",
                    "web": f"https://{found.get('name')}.z12.web.core.windows.net/",
                }
            },
            "StorageAccountStaticWebsite": {"containerName": "$web"},
            "UserAssignedIdentity": {
                "principalId": f"{name}-principal",
                "clientId": f"{name}-client",
                "tenantId": "tenant",
            },
            "ManagedCluster": {"identity": {"type": "SystemAssigned", "principalId": "aks", "tenantId": "t"}},
            "Server": {"fullyQualifiedDomainName": "mysql-dr-blue.private.mysql.database.azure.com"},
            "PublicIPAddress": {"dnsSettings": {"fqdn": "planb-blue.h4sh.koreacentral.cloudapp.azure.com"}},
            "Instance": {
                "address": "blue-mysql.rds.amazonaws.com",
                "port": 3306,
                "masterUserSecrets": [{"secretArn": "arn:secret:master"}],
            },
            "LaunchTemplate": {"latestVersion": 1},
            "Cluster": {
                "endpoint": "https://eks",
                "identities": [{"oidcs": [{"issuer": "https://oidc/id"}]}],
                "certificateAuthority": {"data": ""},
            },
            "LoadBalancer": {
                "dnsName": "blue-alb.elb.amazonaws.com",
                "zoneId": "ZALB",
                "arnSuffix": "app/blue-alb/1",
            },
            "Distribution": {"domainName": "d1.cloudfront.net", "hostedZoneId": "Z2FDTNDATAQYW2"},
            "Certificate": {
                "domainValidationOptions": [
                    {
                        "resourceRecordName": "_p.example.com.",
                        "resourceRecordType": "CNAME",
                        "resourceRecordValue": "_v.acm-validations.aws.",
                    }
                ]
            },
            "Record": {"fqdn": "proof.example.com"},
            "TargetGroup": {"arnSuffix": "targetgroup/blue-web/1"},
            "Key": {"keyId": "key-id"},
            "Eip": {"allocationId": "eipalloc-1"},
            "OutboundWebIdentityFederation": {"issuerIdentifier": "https://id.tokens.sts.global.api.aws"},
            "Vpc": {"ownerId": "123456789012"},
        }
        return found | particular.get(kind, {})


class Monitor(mocks.MockMonitor):
    """Pulumi's own mock, which keeps only inputs; this one keeps parents, providers and options too."""

    def __init__(self, cloud: Cloud, recorded: Recorded) -> None:
        super().__init__(cloud)
        self._recorded = recorded
        arn = f"arn:aws:eks:ap-northeast-2:{ACCOUNT}:cluster/blue-eks"
        state = {"name": "blue-eks", "arn": arn, "vpcConfig": {"clusterSecurityGroupId": "sg-cluster"}}
        urn = cloud._eks("cluster-eks")["eksCluster"]["urn"]
        self.resources[urn] = self.ResourceRegistration(urn, "eks-id", state)

    def RegisterResource(self, request: Any) -> Any:
        answer = super().RegisterResource(request)
        if request.type == "pulumi:pulumi:Stack":
            return answer
        wrapped = rpc.deserialize_properties(request.object, keep_unknowns=True)
        self._recorded.made.append(
            Made(
                type=request.type,
                name=request.name,
                urn=answer.urn,
                parent=request.parent,
                provider=request.provider or "".join(request.providers.values()),
                custom=request.custom,
                remote=request.remote,
                protect=request.protect,
                retain=request.retainOnDelete,
                ignored=tuple(request.ignoreChanges),
                after=frozenset(request.dependencies),
                inputs=plain(wrapped),
                wrapped=wrapped,
            )
        )
        return answer

    def RegisterResourceOutputs(self, request: Any) -> Any:
        self._recorded.outputs[request.urn] = plain(rpc.deserialize_properties(request.outputs, True))
        return super().RegisterResourceOutputs(request)


def bare(value: Any, text: str = "canary") -> bool:
    """Whether the text stands in a value, outside of what is marked as secret."""
    if rpc.is_rpc_secret(value):
        return False
    if isinstance(value, dict):
        return any(bare(item, text) for item in value.values())
    if isinstance(value, list):
        return any(bare(item, text) for item in value)
    return isinstance(value, str) and text in value


def in_stack(make: Callable[[pulumi.ResourceOptions], object]) -> Callable[[], None]:
    """A program that makes one component of AWS's, with the options that a stack gives it."""

    def program() -> None:
        make(pulumi.ResourceOptions(provider=aws.Provider("aws", region="ap-northeast-2")))

    return program


class Run(Protocol):
    def __call__(
        self, program: Callable[[], Any], *, preview: bool = False, stack: str = "dr"
    ) -> Recorded: ...


def record(program: Callable[[], Any], *, preview: bool = False, stack: str = "dr") -> Recorded:
    """Runs a program to its end; nothing of it is left for the next one."""
    recorded = Recorded()
    cloud = Cloud(preview)

    async def whole() -> None:
        settings.reset_options()
        mocks.set_mocks(
            cloud,
            project=PROJECT,
            stack=stack,
            preview=preview,
            organization=ORGANIZATION,
            monitor=Monitor(cloud, recorded),
        )
        config.set_all_config({})
        await run_pulumi_func(program)
        root = settings.get_root_resource()
        assert root is not None
        values = {
            key: await pulumi.Output.from_input(value).future()
            for key, value in root.outputs.items()  # type: ignore[attr-defined]
        }
        recorded.exports = values

    # A thread of its own has neither another program's event loop nor its mocks.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(whole())).result()
    return recorded


@pytest.fixture
def run() -> Run:
    return record


@pytest.fixture(params=[True, False], ids=["preview", "up"])
def preview(request: pytest.FixtureRequest) -> bool:
    return request.param
