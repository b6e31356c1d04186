"""Every modelled type: importing this module registers them all."""

from __future__ import annotations

import importlib
import pkgutil

import simcloud.aws
import simcloud.azure
from simcloud import randoms as randoms

for _package in (simcloud.aws, simcloud.azure):
    for _module in pkgutil.iter_modules(_package.__path__):
        importlib.import_module(f"{_package.__name__}.{_module.name}")
