"""azure-native:containerinstance: container groups, run as processes."""

from __future__ import annotations

from typing import Any

from simcloud.azure import ids
from simcloud.azure.base import (
    IDENTITY,
    ArmKind,
    find_id,
    normal_location,
    record,
    records,
    user_assigned,
)
from simcloud.azure.errors import ArmError, identity_not_found, invalid_reference
from simcloud.azure.topology import CONTAINERS, RESERVED, find_subnet, occupants
from simcloud.kinds import Context, Properties, Resource, kind

DELEGATION = "Microsoft.ContainerInstance/containerGroups"
MAX_CPU, MAX_MEMORY_GB = 4.0, 16.0
"""Korea Central, Linux, in a virtual network: container-instances-resource-and-quota-limits."""
MAX_CONTAINERS = 60


def world_id(arm_id: str) -> str:
    """The group's id in the world, safe as a directory name."""
    parsed = ids.parse(arm_id)
    return f"aci-{parsed.group}-{parsed.name}".lower() if parsed else arm_id


def requests_of(container: dict[str, Any]) -> dict[str, Any]:
    return record(record(container.get("resources")).get("requests"))


def _fixed(inputs: Properties) -> object:
    """What a running group cannot change (container-instances-update)."""
    return (
        inputs.get("osType"),
        inputs.get("restartPolicy") or "Always",
        sorted(str(s.get("id")).lower() for s in records(inputs.get("subnetIds"))),
        [(c.get("name"), c.get("resources")) for c in records(inputs.get("containers"))],
    )


@kind
class ContainerGroup(ArmKind):
    type = CONTAINERS
    arm_type = "Microsoft.ContainerInstance/containerGroups"
    api_version = "2024-05-01-preview"
    path = ("containerGroupName",)
    moves = False
    latency = "container_group"
    shows = frozenset({"provisioningState"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        group = arm_id.rsplit("/", 1)[-1]
        containers = records(inputs.get("containers"))
        if not 1 <= len(containers) <= MAX_CONTAINERS:
            # [closest] container-instances-resource-and-quota-limits: 1 to 60
            raise ArmError(
                "InvalidContainerGroup",
                f"The container group '{group}' must have between 1 and 60 containers.",
            )
        for container in containers:
            self.check_container(container, group)
        self.check_size(inputs, containers, group)
        self.check_subnets(ctx, inputs, arm_id, group)
        for identity in user_assigned(inputs.get("identity")):
            if not find_id(ctx, IDENTITY, identity):
                raise identity_not_found(arm_id, identity)
        if old and _fixed(old.inputs) != _fixed(inputs):
            # MicrosoftDocs/azure-docs#38067
            raise ArmError(
                "InvalidContainerGroupUpdate",
                f"The updates on container group '{group}' are invalid. If you are going to update the os type, "
                "restart policy, network profile, CPU, memory or GPU resources for a container group, you must delete "
                "it first and then create a new one.",
            )

    def check_container(self, container: dict[str, Any], group: str) -> None:
        name = container.get("name")
        if not container.get("image"):
            # [closest] worded as ResourceSomeRequestsNotSpecified
            raise ArmError(
                "ContainerImageNotSpecified",
                f"The 'Image' is not specified in container '{name}' of container group '{group}'.",
            )
        wants = requests_of(container)
        for key, label in (("memoryInGB", "MemoryInGB"), ("cpu", "Cpu")):
            if not wants.get(key):
                # virtual-kubelet/virtual-kubelet#50
                raise ArmError(
                    "ResourceSomeRequestsNotSpecified",
                    f"The '{label}' request is not specified in container '{name}' of contain group '{group}'. It is "
                    "required since API version '2017-07-01-preview'.",
                )
        for variable in records(container.get("environmentVariables")):
            if variable.get("value") is not None and variable.get("secureValue") is not None:
                # [closest] container-instances-environment-variables: one of the two
                raise ArmError(
                    "InvalidEnvironmentVariable",
                    f"The environment variable '{variable.get('name')}' in container '{name}' of container group "
                    f"'{group}' must have either a value or a secure value.",
                )

    def check_size(self, inputs: Properties, containers: list[dict[str, Any]], group: str) -> None:
        total = {k: sum(float(requests_of(c)[k]) for c in containers) for k in ("cpu", "memoryInGB")}
        if total["cpu"] > MAX_CPU or total["memoryInGB"] > MAX_MEMORY_GB:
            # [recalled]
            raise ArmError(
                "ServiceUnavailable",
                f"The requested resource is not available in the location '{normal_location(inputs.get('location'))}' "
                "at this moment. Please retry with a different resource request or in another location. Resource "
                f"requested: '{total['cpu']:g}' CPU '{total['memoryInGB']:g}' GB memory 'Linux' OS virtual network",
                status=409,
            )
        for container in containers:
            limits = record(record(container.get("resources")).get("limits"))
            for key, label in (("cpu", "Cpu"), ("memoryInGB", "MemoryInGB")):
                limit = limits.get(key)
                if limit is not None and float(limit) > total[key]:
                    # docker-archive/compose-cli#743
                    raise ArmError(
                        "ContainerLimitGreaterThanContainerGroupTotalRequest",
                        f"The '{label}' limit '{limit:g}' in container '{container.get('name')}' is greater than the "
                        f"total request '{total[key]:g}' of container group '{group}'.",
                    )

    def check_subnets(self, ctx: Context, inputs: Properties, arm_id: str, group: str) -> None:
        for item in records(inputs.get("subnetIds")):
            subnet = find_subnet(ctx, item.get("id"))
            if not subnet or subnet.location != normal_location(inputs.get("location")):
                raise invalid_reference(str(item.get("id")), arm_id)
            if DELEGATION not in subnet.delegations:
                # Azure/dev-box-images#8
                raise ArmError(
                    "SubnetMissingRequiredDelegation",
                    f"Subnet missing required delegation 'Microsoft.ContainerInstance' for container group '{group}'.",
                )
            if record(inputs.get("ipAddress")).get("type") == "Public":
                # container-instances-virtual-network-concepts [closest]
                raise ArmError(
                    "PublicIPAddressNotSupported",
                    f"The container group '{group}' in a virtual network cannot have a public IP address.",
                )

    # -- answers --

    def shown(self, ctx: Context, res: Resource) -> Properties:
        out: Properties = {
            "containers": [_without_secrets(c) for c in records(res.inputs.get("containers"))],
            "restartPolicy": res.inputs.get("restartPolicy") or "Always",
            "sku": res.inputs.get("sku") or "Standard",
            "osType": res.inputs.get("osType") or "Linux",
            "isCreatedFromStandbyPool": False,
            "instanceView": {"events": [], "state": "Pending"},
        }
        if res.inputs.get("initContainers"):
            out["initContainers"] = [_without_secrets(c) for c in records(res.inputs["initContainers"])]
        subnets = records(res.inputs.get("subnetIds"))
        subnet = find_subnet(ctx, subnets[0].get("id")) if subnets else None
        if subnet:
            used = [o.owner.id for o in occupants(ctx, subnet.id)]
            place = used.index(res.id) if res.id in used else len(used)
            first = subnet.prefixes[0].network_address
            wish = record(res.inputs.get("ipAddress"))
            address = wish.get("ip") or str(first + RESERVED - 1 + place)
            out["ipAddress"] = {"ports": [], **wish, "type": "Private", "ip": address}
        return out

    # -- the real thing --

    def _start(self, ctx: Context, res: Resource) -> None:
        containers = [
            {
                "name": str(c.get("name")),
                "image": str(c.get("image")),
                "command": [str(part) for part in c.get("command") or []],
                "env": {
                    str(v.get("name")): str(
                        v["secureValue"] if v.get("secureValue") is not None else v.get("value", "")
                    )
                    for v in records(c.get("environmentVariables"))
                },
            }
            for c in records(res.inputs.get("containers"))
        ]
        ctx.world.compute.start_container_group(
            world_id(res.id),
            containers,
            region=normal_location(res.inputs.get("location")),
            restart_policy=str(res.inputs.get("restartPolicy") or "Always"),
        )

    def _seen(self, ctx: Context, res: Resource) -> Properties:
        """The group's running state. Containers stay as they were: what a refresh changes there would look like a
        change that the program must undo, so an exit code comes as an event of the group."""
        status = ctx.world.compute.status(world_id(res.id))
        state, code = str(status.get("state") or "Unknown"), status.get("exit_code")
        events: list[Properties] = []
        if code is not None:
            name = "Terminated" if code == 0 else "Failed"
            events.append({"name": name, "type": "Normal", "count": 1, "message": f"exit code {int(code)}"})
        return {"instanceView": {"events": events, "state": state}}

    def create(self, ctx: Context, res: Resource) -> Properties:
        self._start(ctx, res)
        return self._seen(ctx, res)

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        """A changed container restarts the group; a changed tag does not."""
        if old.inputs.get("containers") != res.inputs.get("containers"):
            ctx.world.compute.stop(world_id(res.id))
            self._start(ctx, res)
        return self._seen(ctx, res)

    def delete(self, ctx: Context, res: Resource) -> None:
        ctx.world.compute.stop(world_id(res.id))

    def read(self, ctx: Context, res: Resource) -> Properties | None:
        return res.outputs | self._seen(ctx, res)


def _without_secrets(container: dict[str, Any]) -> dict[str, Any]:
    """As the service answers: secure values never come back."""
    shown = {k: v for k, v in container.items() if k != "environmentVariables"}
    variables = records(container.get("environmentVariables"))
    if variables:
        shown["environmentVariables"] = [
            {k: v for k, v in e.items() if k != "secureValue"} for e in variables
        ]
    return shown
