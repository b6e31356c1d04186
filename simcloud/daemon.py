"""The daemon: builds the world, serves the providers, writes `sim.json` when everything is ready, cleans up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

from simcloud import catalog as catalog
from simcloud.aws import autoscaling, cloudwatch, s3objects, secrets, sns, targets
from simcloud.awsapi import ACCESS_KEY, SECRET_KEY, AwsApi
from simcloud.azureapi import ManagementApi
from simcloud.clusters import Clusters, Workload
from simcloud.compute import Compute
from simcloud.control import Control
from simcloud.edge.proxy import Edge
from simcloud.eks import EksServer
from simcloud.faults import Clock, Faults
from simcloud.identity import IdentityEndpoint
from simcloud.k8sprovider import KubernetesServer
from simcloud.latency import Profile
from simcloud.mysql import MySQLServers
from simcloud.network import Network
from simcloud.origins import Origins
from simcloud.provider import Cloud, ProviderServer, serve
from simcloud.state import State
from simcloud.storage import StorageAccounts
from simcloud.was import PetClinic
from simcloud.world import World

NEEDED = {
    "mysqld": "MySQL ≥ 8.0 (make setup brings it on Debian)",
    "azurite-blob": "Azurite (make setup)",
    "node": "Node.js ≥ 18: sudo apt-get install nodejs, or https://nodejs.org/",
    "kustomize": "kustomize ≥ 5 (make setup)",
}
KVS_DOMAIN = "cloudfront-kvs.global.api.aws"
ACCOUNT = "123456789012"
PASSPHRASE = "planb-embedded-clouds"


class CannotStart(Exception):
    """One line that says what is missing and what mends it."""


class Daemon:
    """Everything of one simulation in one process, and the children that it starts."""

    def __init__(self, directory: Path, speed: float, profile: Profile) -> None:
        missing = [
            f"{name} is not on PATH; install {remedy}"
            for name, remedy in NEEDED.items()
            if not shutil.which(name)
        ]
        if missing:
            raise CannotStart("; ".join(missing))
        self._dir = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._lock_file = (directory / "lock").open("w")
        self._claim()
        (directory / "sim.json").unlink(missing_ok=True)
        self._stopped = threading.Event()
        self._loop = asyncio.new_event_loop()
        self.state = State(directory / "state.db")
        self.network = Network(directory, self.state)
        self.clock = Clock(speed, profile)
        self.faults = Faults()
        self.identity = IdentityEndpoint()
        self.management = ManagementApi(self.state, self.network, self.faults)
        aws = AwsApi(self.state, self.network, lambda: self.clock.modelled("kvs_write") / self.clock.speed)
        compute = Compute(directory, self.state, self.network, self.environment)
        aws.run_command, aws.online, aws.scale = compute.run_command, compute.online, self._scale
        clusters = Clusters(self.state, self.network, self._start_workload)
        aws.targets = self._targets
        self.world = World(
            network=self.network,
            mysql=MySQLServers(directory, self.state, self.network),
            storage=StorageAccounts(directory, self.state, self.network),
            aws=aws,
            compute=compute,
            clusters=clusters,
        )
        self.cloud = Cloud(self.state, self.world, self.faults, self.clock)
        self.edge = Edge(self.state, self.network)
        self.origins = Origins(self.state, clusters, self.network.authority)
        self.control = Control(self.cloud, self.faults, self._power, self._stopped.set)
        self._servers: list[Any] = []
        self._providers = ""

    def run(self) -> None:
        """Serves until SIGTERM, SIGINT or POST /shutdown; then stops every child."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopped.set())
        try:
            self._start()
            self._stopped.wait()
        finally:
            self._stop()

    def environment(self) -> dict[str, str]:
        """The standard variables by which everything reaches this simulation."""
        bundle = str(self.network.ca_bundle)
        local = "127.0.0.1,localhost,::1"
        proxies = dict.fromkeys(
            ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), self.network.proxy_url
        )
        return {
            "PULUMI_DEBUG_PROVIDERS": self._providers,
            "PULUMI_BACKEND_URL": f"file://{self._dir}/pulumi",
            "PULUMI_HOME": str(self._dir / "pulumi-home"),
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "AWS_ENDPOINT_URL": self.world.aws.url,
            # This service puts the account before the endpoint's name, so it needs one that the proxy resolves.
            "AWS_ENDPOINT_URL_CLOUDFRONT_KEYVALUESTORE": f"http://{KVS_DOMAIN}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "ap-northeast-2",
            "AWS_DEFAULT_REGION": "ap-northeast-2",
            "AWS_EC2_METADATA_DISABLED": "true",
            "IDENTITY_ENDPOINT": self.identity.url,
            "IDENTITY_HEADER": self.identity.header,
            **proxies,
            "NO_PROXY": local,
            "no_proxy": local,
            "REQUESTS_CA_BUNDLE": bundle,
            "SSL_CERT_FILE": bundle,
            "CURL_CA_BUNDLE": bundle,
            "AWS_CA_BUNDLE": bundle,
            "PLANB_MYSQL_CA_FILE": bundle,
            "PYTHONDONTWRITEBYTECODE": "",  # set, it makes every run compile the cloud SDKs anew
            "PATH": os.environ["PATH"],
        }

    # -- life --

    def _claim(self) -> None:
        import fcntl

        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStart(
                f"a simulation is already running in {self._dir}; stop it: planb sim stop"
            ) from None

    def _start(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.network.start()
        self.identity.start()
        self.management.start()
        self.world.aws.start()
        front = int(self.world.aws.url.rsplit(":", 1)[1])
        self.network.publish(f"{ACCOUNT}.{KVS_DOMAIN}", "127.0.0.1", front, region="global", tls=False)
        threading.Thread(target=self._loop.run_forever, name="edge", daemon=True).start()
        self.network.edge_endpoint = ("127.0.0.1", self._async(self.edge.start()))
        plain, tls = self._async(self.origins.start())
        self.network.alb_endpoint = self.network.appgw_endpoint = ("127.0.0.1", plain)
        self.network.alb_tls_endpoint = ("127.0.0.1", tls)
        for service in (secrets, s3objects, sns, cloudwatch):
            service.rehydrate(self.state, self.world)
        self.world.mysql.start_all()
        self.world.storage.start_all()
        servicers = [
            *(ProviderServer(name, self.cloud) for name in ("aws", "azure-native", "random")),
            KubernetesServer(self.cloud),
            EksServer(self.cloud),
        ]
        ports: list[str] = []
        for servicer in servicers:
            server, provider_port = serve(servicer)
            self._servers.append(server)
            ports.append(f"{servicer.package}:{provider_port}")
        self._providers = ",".join(ports)
        self.control.start()
        (self._dir / "pulumi").mkdir(exist_ok=True)
        self.world.compute.start_all()
        threading.Thread(target=self.world.mysql.warm_up, daemon=True).start()
        facts = {
            "pid": os.getpid(),
            "control": self.control.url,
            "speed": self.clock.speed,
            "latency": self.clock.profile,
            "env": self.environment(),
        }
        scratch = self._dir / "sim.json.new"
        scratch.touch(mode=0o600)
        scratch.write_text(json.dumps(facts, indent=1))
        scratch.rename(self._dir / "sim.json")

    def _stop(self) -> None:
        (self._dir / "sim.json").unlink(missing_ok=True)
        for server in self._servers:
            server.stop(grace=0.5)
        self.world.compute.stop_all()
        self.world.clusters.stop_all()
        with contextlib.suppress(Exception):
            self._async(self.edge.stop())
            self._async(self.origins.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.world.storage.stop_all()
        self.world.mysql.stop_all()
        self.identity.stop()
        self.management.stop()
        self.control.stop()
        self.network.stop()

    def _async(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def _power(self, region: str, on: bool) -> None:
        """A region goes dark (its network first, then its machines) or returns (the other way round)."""
        if not on:
            self.network.set_dark(region, True)
            for part in (self.world.clusters, self.world.compute, self.world.mysql):
                part.power(region, on=False)
            return
        self.network.set_dark(region, False)
        self.world.mysql.power(region, on=True)
        self.world.compute.power(region, on=True)

    def _scale(self, group: str, wanted: int | None) -> int:
        """Desired capacity of an Auto Scaling group, changed first if `wanted`; -1 when there is no such group."""
        if wanted is not None:
            autoscaling.scale(self.state, self.world, group, wanted)
        found = self.state.by_id(autoscaling.ASG, group)
        return int(found.get("desiredCapacity", 0)) if found else -1

    def _targets(self, arn: str) -> list[tuple[bool, str]] | None:
        """Health of a load balancer's targets; None when there is no such group."""
        group = self.state.by_id("aws:lb/targetGroup:TargetGroup", arn)
        return targets.health_of(self.world.clusters, group.region, arn) if group else None

    def _start_workload(self, env: dict[str, str], site: str) -> Workload:
        return PetClinic(env, site, str(self.network.ca_bundle))


def serve_forever(directory: Path, speed: float, profile: Profile) -> None:
    """Runs a daemon; CannotStart when something is missing or another one runs here."""
    Daemon(directory.resolve(), speed, profile).run()
