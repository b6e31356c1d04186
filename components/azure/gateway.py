"""Application Gateway v2 with the standby's public name."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi
from pulumi_azure_native import network

from components.naming import child

HEALTH_PATH = "/actuator/health"


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """`backend_ip` is the fixed address of the web tier's internal load balancer."""

    project: str
    resource_group: pulumi.Input[str]
    location: str
    subscription_id: pulumi.Input[str]
    subnet_id: pulumi.Input[str]
    backend_ip: str
    tags: dict[str, str] = field(default_factory=dict[str, str])


class Gateway(pulumi.ComponentResource):
    """One listener on 80; without a domain of our own this hop is plain HTTP (docs/adr/0008)."""

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:azure:Gateway", name, None, opts)
        address = network.PublicIPAddress(
            f"{name}-ip",
            public_ip_address_name=f"pip-appgw-{args.project}",
            resource_group_name=args.resource_group,
            location=args.location,
            sku=network.PublicIPAddressSkuArgs(name="Standard", tier="Regional"),
            public_ip_allocation_method="Static",
            zones=["1", "2", "3"],
            dns_settings=network.PublicIPAddressDnsSettingsArgs(
                domain_name_label=f"planb-{args.project}",
                # A hash in the name, so that nobody can take it while we do not have it.
                domain_name_label_scope=network.PublicIpAddressDnsSettingsDomainNameLabelScope.RESOURCE_GROUP_REUSE,
            ),
            tags=args.tags,
            opts=child(self),
        )
        own = f"agw-{args.project}"
        base = pulumi.Output.concat(
            "/subscriptions/",
            args.subscription_id,
            "/resourceGroups/",
            args.resource_group,
            f"/providers/Microsoft.Network/applicationGateways/{own}",
        )

        def part(kind: str, item: str) -> network.SubResourceArgs:
            return network.SubResourceArgs(id=pulumi.Output.concat(base, f"/{kind}/{item}"))

        gateway = network.ApplicationGateway(
            f"{name}-gateway",
            application_gateway_name=own,
            resource_group_name=args.resource_group,
            location=args.location,
            sku=network.ApplicationGatewaySkuArgs(name="Standard_v2", tier="Standard_v2"),
            zones=["1", "2", "3"],
            autoscale_configuration=network.ApplicationGatewayAutoscaleConfigurationArgs(
                min_capacity=0, max_capacity=4
            ),
            # The default policy is refused as deprecated.
            ssl_policy=network.ApplicationGatewaySslPolicyArgs(
                policy_type="Predefined", policy_name="AppGwSslPolicy20220101"
            ),
            gateway_ip_configurations=[
                network.ApplicationGatewayIPConfigurationArgs(
                    name="gateway", subnet=network.SubResourceArgs(id=args.subnet_id)
                )
            ],
            frontend_ip_configurations=[
                network.ApplicationGatewayFrontendIPConfigurationArgs(
                    name="public", public_ip_address=network.SubResourceArgs(id=address.id)
                )
            ],
            frontend_ports=[network.ApplicationGatewayFrontendPortArgs(name="http", port=80)],
            probes=[
                network.ApplicationGatewayProbeArgs(
                    name="actuator",
                    protocol="Http",
                    host="127.0.0.1",
                    path=HEALTH_PATH,
                    interval=5,
                    timeout=4,
                    unhealthy_threshold=2,
                )
            ],
            backend_address_pools=[
                network.ApplicationGatewayBackendAddressPoolArgs(
                    name="web",
                    backend_addresses=[
                        network.ApplicationGatewayBackendAddressArgs(ip_address=args.backend_ip)
                    ],
                )
            ],
            backend_http_settings_collection=[
                network.ApplicationGatewayBackendHttpSettingsArgs(
                    name="web",
                    port=8080,
                    protocol="Http",
                    request_timeout=10,
                    probe=part("probes", "actuator"),
                )
            ],
            http_listeners=[
                network.ApplicationGatewayHttpListenerArgs(
                    name="http",
                    protocol="Http",
                    frontend_ip_configuration=part("frontendIPConfigurations", "public"),
                    frontend_port=part("frontendPorts", "http"),
                )
            ],
            request_routing_rules=[
                network.ApplicationGatewayRequestRoutingRuleArgs(
                    name="all",
                    priority=100,
                    rule_type="Basic",
                    http_listener=part("httpListeners", "http"),
                    backend_address_pool=part("backendAddressPools", "web"),
                    backend_http_settings=part("backendHttpSettingsCollection", "web"),
                )
            ],
            tags=args.tags,
            opts=child(self),
        )
        # Known only once it exists, hash and all: the runbook writes it to the edge at cutover.
        self.host: pulumi.Output[str] = pulumi.Output.all(address.dns_settings, gateway.id).apply(
            lambda values: values[0]["fqdn"] if values[0] else ""
        )
        self.register_outputs({"host": self.host})
