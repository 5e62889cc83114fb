"""One file per vendor, found by scanning this folder; `build(world)` in each makes its vendor."""

import importlib
import pkgutil

from providers.sandbox.vendor import Vendor
from providers.sandbox.world import SandboxWorld


def build_vendors(world: SandboxWorld) -> list[Vendor]:
    """Return every vendor of this folder, in the order of their file names."""
    modules = [
        importlib.import_module(f"{__name__}.{found.name}")
        for found in pkgutil.iter_modules(__path__)
    ]
    return [module.build(world) for module in modules]
