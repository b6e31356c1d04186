"""The provider server over a real gRPC connection: what it refuses, what it remembers, what it keeps secret."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from simcloud import catalog
from simcloud.edge import kvs
from simcloud.faults import Clock, Faults
from simcloud.kinds import UNKNOWN, Resource
from simcloud.provider import Cloud, ProviderServer, serve
from simcloud.state import State
from simcloud.wire import SECRET, SIGNATURE, from_struct, to_struct

assert catalog  # importing registers the kinds

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
CLUSTER = "aws:eks/cluster:Cluster"
STORE = "aws:cloudfront/keyValueStore:KeyValueStore"
GOOD = {"cidrBlock": "10.0.0.0/16"}
Request = Any


def urn(token: str, name: str = "main") -> str:
    return f"urn:pulumi:prod::planb::planb:aws:Site${token}::{name}"


def secret(value: str) -> dict[str, str]:
    return {SIGNATURE: SECRET, "value": value}


def raw(struct: struct_pb2.Struct, key: str) -> Any:
    """A property as it is on the wire."""
    value = struct.fields[key]
    if value.HasField("struct_value"):
        return {name: item.string_value for name, item in value.struct_value.fields.items()}
    return value.string_value


@dataclass
class Server:
    """One server, seen as the engine sees it."""

    cloud: Cloud
    port: int
    dark: list[str] = field(default_factory=list[str])
    channels: list[grpc.Channel] = field(default_factory=list[grpc.Channel])

    def connect(self, **config: Any) -> Any:
        """Another provider instance, which is a connection of its own."""
        own = [("grpc.use_local_subchannel_pool", 1)]
        channel = grpc.insecure_channel(f"127.0.0.1:{self.port}", options=own)
        self.channels.append(channel)
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        stub.Configure(provider_pb2.ConfigureRequest(args=to_struct(config)))
        return stub


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    dark: list[str] = []
    world: Any = SimpleNamespace(network=SimpleNamespace(is_dark=lambda region: region in dark))
    cloud = Cloud(State(":memory:"), world, Faults(), Clock(1e6, "typical"))
    server, port = serve(ProviderServer("aws", cloud))
    one = Server(cloud, port, dark)
    yield one
    for channel in one.channels:
        channel.close()
    server.stop(None).wait()
    cloud.state.close()


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """The module's server, emptied."""
    yield running
    running.dark.clear()
    for fault in running.cloud.faults.active():
        running.cloud.faults.remove(fault.id)
    for resource in running.cloud.state.all():
        running.cloud.state.remove(resource.type, resource.id)


@pytest.fixture(scope="module")
def connection(running: Server) -> Any:
    return running.connect(region="ap-northeast-2")


@pytest.fixture
def engine(server: Server, connection: Any) -> Any:
    """The stub of a provider in Seoul, with an empty account."""
    assert server
    return connection


def check(engine: Any, token: str, news: dict[str, Any], name: str = "main") -> Any:
    return engine.Check(provider_pb2.CheckRequest(urn=urn(token, name), news=to_struct(news)))


def create(engine: Any, token: str, given: dict[str, Any], *, preview: bool = False) -> Any:
    request = provider_pb2.CreateRequest(urn=urn(token), properties=to_struct(given), preview=preview)
    return engine.Create(request)


def update(engine: Any, token: str, made: Any, news: dict[str, Any], *, preview: bool = False) -> Any:
    request = provider_pb2.UpdateRequest(
        id=made.id, urn=urn(token), olds=made.properties, news=to_struct(news), preview=preview
    )
    return engine.Update(request)


def delete(engine: Any, token: str, id_: str) -> Any:
    return engine.Delete(provider_pb2.DeleteRequest(id=id_, urn=urn(token)))


def refused(call: Any, *args: Any, **kwargs: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(*args, **kwargs)
    error: Any = caught.value
    return error.code(), error.details()


# -- types --


def test_a_type_that_is_not_modelled_is_refused(engine: Any) -> None:
    broker = "aws:mq/broker:Broker"
    expected = (grpc.StatusCode.INVALID_ARGUMENT, f"simcloud does not model {broker}")
    assert refused(check, engine, broker, {}) == expected
    assert refused(create, engine, broker, {}) == expected
    assert refused(delete, engine, broker, "b") == expected
    code, text = refused(engine.Invoke, provider_pb2.InvokeRequest(tok="aws:ec2/getAmi:getAmi"))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert text == "simcloud does not model the function aws:ec2/getAmi:getAmi"


@pytest.mark.parametrize(
    ("token", "given", "path", "reason"),
    [
        (VPC, {"cidr": "10.0.0.0/16"}, "cidr", "Unsupported argument; did you mean 'cidrBlock'?"),
        (SUBNET, {"cidrBlock": "10.0.0.0/24"}, "vpcId", "Missing required argument"),
        (
            TEMPLATE,
            {"metadataOptions": {"httpToken": "x"}},
            "metadataOptions.httpToken",
            "did you mean 'httpTo",
        ),
        (TEMPLATE, {"vpcSecurityGroupIds": ["a", 1]}, "vpcSecurityGroupIds[1]", "expected str, got 1"),
        (VPC, {"enableDnsSupport": "yes"}, "enableDnsSupport", "expected bool, got 'yes'"),
    ],
)
def test_a_wrong_property_is_refused_by_its_path(
    engine: Any, token: str, given: dict[str, Any], path: str, reason: str
) -> None:
    (failure,) = check(engine, token, given).failures
    assert failure.property == path
    assert failure.reason.startswith(f"{path}: ")
    assert reason in failure.reason


def test_check_fills_in_names_and_keeps_them(engine: Any) -> None:
    first = from_struct(check(engine, TEMPLATE, {}).inputs)
    assert first["name"].startswith("main-")
    again = engine.Check(
        provider_pb2.CheckRequest(urn=urn(TEMPLATE), olds=to_struct(first), news=to_struct({}))
    )
    assert from_struct(again.inputs) == first


def test_check_says_what_the_provider_refuses(engine: Any) -> None:
    (failure,) = check(engine, "aws:iam/role:Role", {"assumeRolePolicy": "{"}).failures
    assert failure.reason == "MalformedPolicyDocument: Syntax errors in policy."


def test_outputs_that_the_sdk_does_not_declare_are_our_error(server: Server) -> None:
    res = Resource(urn(VPC), VPC, "vpc-1", "aws", "x", {}, {"nope": 1})
    with pytest.raises(AssertionError, match="has no output nope"):
        ProviderServer("aws", server.cloud)._state_of(res)


# -- life --


def test_create_remembers_and_records(engine: Any, server: Server) -> None:
    made = create(engine, VPC, GOOD)
    found = server.cloud.state.by_id(VPC, made.id)
    assert found and (found.status, found.region, found.inputs) == ("ready", "ap-northeast-2", GOOD)
    properties = from_struct(made.properties)
    assert properties["cidrBlock"] == "10.0.0.0/16"
    assert properties["arn"].endswith(f":vpc/{made.id}")
    last = server.cloud.state.operations()[-1]
    assert (last.op, last.type, last.urn, last.error, last.modelled_s) == ("create", VPC, urn(VPC), None, 1.0)


def test_the_clouds_refusal_is_shown_and_leaves_nothing(engine: Any, server: Server) -> None:
    text = "creating main: InvalidVpc.Range: The CIDR '10.0.0.0/8' is invalid."
    answer = refused(create, engine, VPC, {"cidrBlock": "10.0.0.0/8"})
    assert answer == (grpc.StatusCode.UNKNOWN, text)
    assert server.cloud.state.all() == []
    error = server.cloud.state.operations()[-1].error
    assert error and text.endswith(error)


def test_update(engine: Any, server: Server) -> None:
    made = create(engine, VPC, GOOD)
    after = from_struct(update(engine, VPC, made, {**GOOD, "tags": {"a": "b"}}).properties)
    before = from_struct(made.properties)
    assert after == {**before, "tags": {"a": "b"}, "tagsAll": {"a": "b"}}
    found = server.cloud.state.by_id(VPC, made.id)
    assert found and found.inputs["tags"] == {"a": "b"}
    made.id = "vpc-0"
    code, text = refused(update, engine, VPC, made, GOOD)
    assert (code, text) == (grpc.StatusCode.UNKNOWN, f"updating main: NotFound: {VPC} vpc-0 does not exist")


def test_delete(engine: Any, server: Server) -> None:
    vpc = create(engine, VPC, GOOD)
    subnet = create(engine, SUBNET, {"vpcId": vpc.id, "cidrBlock": "10.0.1.0/24"})
    code, text = refused(delete, engine, VPC, vpc.id)
    assert code == grpc.StatusCode.UNKNOWN
    assert text.startswith("deleting main: DependencyViolation: The vpc")
    found = server.cloud.state.by_id(VPC, vpc.id)
    assert found and found.status == "ready"
    delete(engine, SUBNET, subnet.id)
    delete(engine, VPC, vpc.id)
    assert server.cloud.state.all() == []
    delete(engine, VPC, vpc.id)  # gone already is good


def test_read_finds_drift_and_absence(engine: Any, server: Server) -> None:
    store = create(engine, STORE, {"name": "site"})
    arn = from_struct(store.properties)["arn"]
    token = "aws:cloudfront/keyvaluestoreKey:KeyvaluestoreKey"
    key = create(engine, token, {"keyValueStoreArn": arn, "key": "mode", "value": "aws"})
    request = provider_pb2.ReadRequest(id=key.id, urn=urn(token))
    same = engine.Read(request)
    assert from_struct(same.inputs)["value"] == from_struct(same.properties)["value"] == "aws"
    kvs.put(server.cloud.state, arn, "mode", "azure", 0.0)
    drifted = engine.Read(request)
    assert from_struct(drifted.inputs)["value"] == from_struct(drifted.properties)["value"] == "azure"
    kvs.delete(server.cloud.state, arn, "mode")
    assert engine.Read(request).id == ""
    assert engine.Read(provider_pb2.ReadRequest(id="vpc-0", urn=urn(VPC))).id == ""


def diff(engine: Any, token: str, old: dict[str, Any], new: dict[str, Any], *ignore: str) -> Any:
    request = provider_pb2.DiffRequest(
        id="x", urn=urn(token), old_inputs=to_struct(old), news=to_struct(new), ignoreChanges=ignore
    )
    return engine.Diff(request)


def test_diff(engine: Any) -> None:
    kinds = provider_pb2.PropertyDiff
    assert diff(engine, VPC, GOOD, GOOD).changes == provider_pb2.DiffResponse.DIFF_NONE
    tagged = diff(engine, VPC, {**GOOD, "tags": {"a": "b"}}, {**GOOD, "enableDnsSupport": True})
    assert (list(tagged.diffs), list(tagged.replaces)) == (["enableDnsSupport", "tags"], [])
    found = {key: value.kind for key, value in tagged.detailedDiff.items()}
    assert found == {"enableDnsSupport": kinds.ADD, "tags": kinds.DELETE}
    moved = diff(engine, VPC, GOOD, {"cidrBlock": "10.1.0.0/16"})
    assert list(moved.replaces) == ["cidrBlock"]
    assert moved.detailedDiff["cidrBlock"].kind == kinds.UPDATE_REPLACE
    assert not moved.deleteBeforeReplace
    subnet = diff(engine, SUBNET, {"vpcId": "a", **GOOD}, {"vpcId": "b", **GOOD})
    assert subnet.deleteBeforeReplace
    ignored = diff(engine, VPC, GOOD, {"cidrBlock": "10.1.0.0/16"}, "cidrBlock")
    assert ignored.changes == provider_pb2.DiffResponse.DIFF_NONE


# -- previews and secrets --


def test_a_preview_touches_nothing_and_keeps_unknowns(engine: Any, server: Server) -> None:
    seen = create(engine, SUBNET, {"vpcId": UNKNOWN, "cidrBlock": "10.0.1.0/24"}, preview=True)
    assert seen.id == ""
    properties = from_struct(seen.properties)
    assert properties["cidrBlock"] == "10.0.1.0/24"
    assert properties["vpcId"] is properties["arn"] is properties["availabilityZone"] is UNKNOWN
    checked = check(engine, SUBNET, {"vpcId": UNKNOWN, "cidrBlock": "10.0.1.0/24"})
    assert not checked.failures and from_struct(checked.inputs)["vpcId"] is UNKNOWN
    assert server.cloud.state.all() == []
    made = create(engine, VPC, GOOD)
    seen = update(engine, VPC, made, {**GOOD, "tags": UNKNOWN}, preview=True)
    properties = from_struct(seen.properties)
    assert properties["tags"] is UNKNOWN
    assert properties["arn"].endswith(made.id)
    found = server.cloud.state.by_id(VPC, made.id)
    assert found and found.inputs == GOOD


def test_a_preview_keeps_what_the_cloud_alone_fills_in(engine: Any) -> None:
    """The group that EKS makes stands inside an input: losing it in a preview takes rules off their group."""
    given = {
        "name": "c",
        "roleArn": "arn:aws:iam::123456789012:role/c",
        "vpcConfig": {"subnetIds": ["subnet-1"]},
    }
    first = from_struct(create(engine, CLUSTER, given, preview=True).properties)
    assert first["vpcConfig"]["clusterSecurityGroupId"] is UNKNOWN
    there = {**given, "vpcConfig": {**given["vpcConfig"], "clusterSecurityGroupId": "sg-1", "vpcId": "vpc-1"}}
    made = provider_pb2.CreateResponse(id="c", properties=to_struct(there))
    news = {**given, "deletionProtection": True}
    later = from_struct(update(engine, CLUSTER, made, news, preview=True).properties)
    assert later["vpcConfig"] == there["vpcConfig"] and later["deletionProtection"] is True


def test_secrets_stay_secret(engine: Any, server: Server) -> None:
    given = {"name": "t", "userData": secret("c2VjcmV0")}
    kept = {SIGNATURE: SECRET, "value": "c2VjcmV0"}
    assert raw(check(engine, TEMPLATE, given).inputs, "userData") == kept
    assert raw(create(engine, TEMPLATE, given, preview=True).properties, "userData") == kept
    made = create(engine, TEMPLATE, given)
    assert raw(made.properties, "userData") == kept
    assert raw(update(engine, TEMPLATE, made, given, preview=True).properties, "userData") == kept
    assert raw(update(engine, TEMPLATE, made, given).properties, "userData") == kept
    found = server.cloud.state.by_id(TEMPLATE, made.id)
    assert found and found.inputs["userData"] == "c2VjcmV0"
    request = provider_pb2.ReadRequest(
        id=made.id, urn=urn(TEMPLATE), inputs=to_struct(given), properties=made.properties
    )
    read = engine.Read(request)
    assert raw(read.inputs, "userData") == raw(read.properties, "userData") == kept


# -- faults --


def test_quota(engine: Any, server: Server) -> None:
    fault = server.cloud.faults.add("quota", {"type": VPC, "message": "5 VPCs are enough"})
    for _ in range(2):
        assert refused(create, engine, VPC, GOOD)[1] == "creating main: QuotaExceeded: 5 VPCs are enough"
    assert server.cloud.state.all() == []
    server.cloud.faults.remove(fault.id)
    made = create(engine, VPC, GOOD)
    server.cloud.faults.add("quota", {"type": VPC, "message": "enough"})
    update(engine, VPC, made, {**GOOD, "tags": {"a": "b"}})
    delete(engine, VPC, made.id)


def test_throttling_is_waited_for_up_to_a_point(engine: Any, server: Server) -> None:
    faults = server.cloud.faults
    faults.add("throttle", {"type": VPC, "count": 3})
    create(engine, VPC, GOOD)
    assert faults.active() == []
    faults.add("throttle", {"type": VPC, "count": 10})
    assert refused(create, engine, VPC, GOOD)[1] == "creating main: Throttling: Rate exceeded"
    (left,) = faults.active()
    assert left.left == 2
    assert len(server.cloud.state.find(VPC)) == 1


def test_expired_credentials_are_of_one_cloud(engine: Any, server: Server) -> None:
    server.cloud.faults.add("credentials_expired", {"cloud": "azure-native"})
    create(engine, VPC, GOOD)
    server.cloud.faults.add("credentials_expired", {"cloud": "aws"})
    text = "creating main: ExpiredToken: The security token included in the request is expired"
    assert refused(create, engine, VPC, GOOD)[1] == text


def half(call: Any, *args: Any) -> Any:
    """What a failed creation tells the engine about what exists nevertheless."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*args)
    error: Any = caught.value
    packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
    init = provider_pb2.ErrorResourceInitFailed()
    assert status_pb2.Status.FromString(packed).details[0].Unpack(init)
    return init


def test_a_creation_that_fails_halfway_leaves_what_the_next_update_finishes(
    engine: Any, server: Server
) -> None:
    server.cloud.faults.add("create_fails_halfway", {"type": STORE, "count": 1})
    left = half(create, engine, STORE, {"name": "site"})
    assert left.id == "site"
    assert list(left.reasons) == ["creating main: the operation failed half-way: InternalError"]
    found = server.cloud.state.by_id(STORE, "site")
    assert found and found.status == "failed"
    after = update(engine, STORE, left, {"name": "site"})
    found = server.cloud.state.by_id(STORE, "site")
    assert found and found.status == "ready"
    assert kvs.etag(server.cloud.state, from_struct(after.properties)["arn"])


def test_a_half_made_resource_keeps_its_secrets_and_can_go(engine: Any, server: Server) -> None:
    server.cloud.faults.add("create_fails_halfway", {"type": TEMPLATE, "count": 1})
    left = half(create, engine, TEMPLATE, {"name": "t", "userData": secret("c2VjcmV0")})
    kept = {SIGNATURE: SECRET, "value": "c2VjcmV0"}
    assert raw(left.properties, "userData") == raw(left.inputs, "userData") == kept
    delete(engine, TEMPLATE, left.id)
    assert server.cloud.state.all() == []


def test_a_dark_region_answers_nobody_and_global_services_go_on(engine: Any, server: Server) -> None:
    server.dark.append("ap-northeast-2")
    request = provider_pb2.CreateRequest(urn=urn(VPC), properties=to_struct(GOOD))
    waiting = engine.Create.future(request)
    create(engine, STORE, {"name": "site"})
    assert not waiting.done()
    code, text = refused(waiting.result)
    assert code == grpc.StatusCode.UNKNOWN
    assert text == "creating main: RequestError: send request failed: dial tcp: ap-northeast-2: i/o timeout"
    assert server.cloud.state.find(VPC) == []


# -- the plugin --


def test_each_connection_has_its_configuration(engine: Any, server: Server) -> None:
    tags = '{"tags": {"project": "planb"}}'
    virginia = server.connect(region="us-east-1", defaultTags=tags)
    there = from_struct(create(virginia, VPC, GOOD).properties)
    here = from_struct(create(engine, VPC, GOOD).properties)
    assert (there["region"], here["region"]) == ("us-east-1", "ap-northeast-2")
    assert (there["tagsAll"], here["tagsAll"]) == ({"project": "planb"}, {})


def test_configuration_and_version(engine: Any) -> None:
    news = to_struct({"region": "ap-northeast-2"})
    changes = provider_pb2.DiffResponse
    same = engine.DiffConfig(provider_pb2.DiffRequest(old_inputs=news, news=news))
    other = engine.DiffConfig(provider_pb2.DiffRequest(old_inputs=to_struct({}), news=news))
    assert (same.changes, other.changes) == (changes.DIFF_NONE, changes.DIFF_SOME)
    assert engine.CheckConfig(provider_pb2.CheckRequest(news=news)).inputs == news
    version = engine.GetPluginInfo(provider_pb2.google_dot_protobuf_dot_empty__pb2.Empty()).version
    assert version == metadata.version("pulumi-aws")


def test_functions(engine: Any) -> None:
    token = "aws:ssm/getParameter:getParameter"
    region = engine.Invoke(provider_pb2.InvokeRequest(tok="aws:index/getRegion:getRegion"))
    assert from_struct(getattr(region, "return"))["region"] == "ap-northeast-2"
    request = provider_pb2.InvokeRequest(tok=token, args=to_struct({"name": "/mine"}))
    assert refused(engine.Invoke, request) == (
        grpc.StatusCode.UNKNOWN,
        f"invoking {token}: ParameterNotFound: SSM Parameter (/mine)",
    )
