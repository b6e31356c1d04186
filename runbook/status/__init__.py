"""`planb status`: both sites, the edge, the data and what runs, on one screen; half-blind if it must be."""

from runbook.status.facts import gather
from runbook.status.screen import table

__all__ = ["gather", "table"]
