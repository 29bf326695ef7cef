"""Import paths of version 0.1, for callers who still have them; they go with version 0.3.

An old path gives the very module of the new one, with a `DeprecationWarning`. Paths whose name
is a room's today (`profiler.records`, `profiler.rules`) cannot be kept.
"""

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

#: New path by old path.
MOVED = {
    "profiler.embedded": "profiler.servers.embedded",
    "profiler.keys": "profiler.profiles.keys",
    "profiler.redis": "profiler.profiles.redis",
    "profiler.redis.exchange": "profiler.profiles.redis.exchange",
    "profiler.reply": "profiler.profiles.reply",
    "profiler.script": "profiler.profiles.script",
    "profiler.settings": "profiler.config.settings",
    "profiler.store": "profiler.profiles.redis.connections",
}


class _Moved:
    """Finder and loader by their methods: `importlib.abc` would double the time of the import."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the finder's signature
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Know the old paths, and no other."""
        if fullname not in MOVED:
            return None
        return ModuleSpec(fullname, self)  # type: ignore[arg-type] # it has a loader's methods

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the new path in the old one's place."""
        new = MOVED[spec.name]
        warnings.warn(
            f"{spec.name} is {new} now; the old path goes with version 0.3",
            DeprecationWarning,
            stacklevel=2,
        )
        module = import_module(new)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """The module has run already; only the spec that `import` wrote into it is put right."""
        assert module.__spec__ is not None  # noqa: S101 - `import` has just set it
        module.__spec__ = module.__spec__.loader_state


def keep_old_paths() -> None:
    """Let `import` find the old paths; for the whole process."""
    # Before the usual finders: below an old path of a package they would load a module twice.
    sys.meta_path.insert(0, _Moved())
