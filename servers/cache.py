"""Where things that took long to get are kept from run to run."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder, below the user's cache; it may not be there yet."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "visitor-profiler"
