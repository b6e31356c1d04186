"""Azure's resource types as azure-native 3.29 names them; importing this package registers all of them."""

from simcloud.azure import (
    addresses,
    authorization,
    blobs,
    containerinstance,
    containers,
    containerservice,
    dbformysql,
    gateway,
    identity,
    monitor,
    network,
    privatedns,
    resources,
    security,
    storage,
)

__all__ = [
    "addresses",
    "authorization",
    "blobs",
    "containerinstance",
    "containers",
    "containerservice",
    "dbformysql",
    "gateway",
    "identity",
    "monitor",
    "network",
    "privatedns",
    "resources",
    "security",
    "storage",
]
