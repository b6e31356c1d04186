"""A copy of the program's surroundings for runs that must not touch the user's checkout.

Configuration files are copied, since runs write into them; code is linked.
"""

from __future__ import annotations

import shutil
from pathlib import Path

COPIED = ("Pulumi.yaml", "Pulumi.prod.yaml", "Pulumi.dr.yaml")
LINKED = (
    *("__main__.py", "stacks", "components", "edge", "site", "workload", ".venv"),
    *(
        "recovery",
        "restore",
        "policy",
        "pyproject.toml",
    ),  # what the program packs for AWS, and the policy pack
)


def farm(project: Path, target: Path) -> Path:
    """Makes `target` a directory in which `pulumi` runs the program of `project`."""
    target.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        shutil.copy(project / name, target / name)
    for name in LINKED:
        link = target / name
        link.unlink(missing_ok=True)
        if (project / name).exists():
            link.symlink_to(project / name)
    return target
