"""The programs that examples are run with, of which a machine may lack some."""

import os
import shutil
import sys

RUNNERS = {".sh": "sh", ".py": sys.executable, ".mjs": "node"}
NEEDED = ("curl", "node", "make")


def missing_programs() -> list[str]:
    """Return what the examples need and is not here; CI has everything or fails."""
    if os.environ.get("CI"):
        return []
    return [name for name in NEEDED if shutil.which(name) is None]
