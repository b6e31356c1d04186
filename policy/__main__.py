"""Pulumi's entry into the pack: `python -m pulumi.policy` runs this directory."""

from __future__ import annotations

import sys
from pathlib import Path

# The directory runs as a script, so that the package's name is not known yet.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pulumi_policy import PolicyPack

from policy.pack import policies

PolicyPack("planb", policies())
