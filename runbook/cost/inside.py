"""What objects inside a cluster make outside of it: load balancers and disks."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.cost.model import Line, UnknownPrice
from runbook.cost.state import Resource
from runbook.cost.walk import Bill, priced

AKS = "azure-native:containerservice:ManagedCluster"


@priced("kubernetes:core/v1:Service")
def service(bill: Bill, it: Resource) -> Iterator[Line]:
    # AKS's one load balancer is charged with the cluster; EKS makes one for each such service.
    if it.get("spec.type") == "LoadBalancer" and not bill.stack.of(AKS):
        yield bill.line(it, "alb", "NLB of a service", 1, "nlb.hour")


@priced("kubernetes:core/v1:PersistentVolumeClaim", "kubernetes:networking.k8s.io/v1:Ingress")
def outside(bill: Bill, it: Resource) -> Iterator[Line]:
    raise UnknownPrice("what a controller makes of it is not in the state")
    yield
