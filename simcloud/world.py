"""The real things behind the simulated control planes.

`World` is the one handle that a `Kind` uses to make a resource real. Each service lives in a module of its own;
this one only names them and starts and stops them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simcloud.awsapi import AwsApi
    from simcloud.clusters import Clusters
    from simcloud.compute import Compute
    from simcloud.mysql import MySQLServers
    from simcloud.network import Network
    from simcloud.storage import StorageAccounts


@dataclass
class World:
    """Every reality of one simulated pair of clouds; one per daemon."""

    network: Network
    """Names and certificates: publish(name, target, region), darkness."""
    mysql: MySQLServers
    """Real MySQL servers with a managed service's restrictions."""
    storage: StorageAccounts
    """Azurite, one process per storage account."""
    aws: AwsApi
    """The AWS HTTP endpoint: moto behind it, key-value store and SSM commands of our own."""
    compute: Compute
    """Processes that stand for instances and container groups."""
    clusters: Clusters
    """Kubernetes objects of each cluster and the pods that answer for them."""
