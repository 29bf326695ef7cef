"""Which Redis or Valkey it is, and whether holes in its Lua engine are known."""

from collections.abc import Mapping
from typing import Any

from profiler.ops.check.findings import Finding, Subject

_REDIS = Subject("redis")
_OLDEST = {"Redis": (7, 0), "Valkey": (8, 0)}

#: The first release of each line without CVE-2025-49844, -46817, -46818 and -46819, by which a
#: script can break out of the Lua engine. A line that is not named is older, and was
#: never repaired; or newer, and was never broken.
_REPAIRED = {
    "Redis": {(7, 2): 11, (7, 4): 6, (8, 0): 4, (8, 2): 2},
    "Valkey": {(8, 0): 6, (8, 1): 4},
}
_HOLES = "CVE-2025-49844, -46817, -46818, -46819: scripts can break out of the Lua engine"


def check_version(info: Mapping[str, Any]) -> Finding:
    """One row from what INFO says about the server."""
    name = "Valkey" if "valkey_version" in info else "Redis"
    text = str(info.get("valkey_version", info["redis_version"]))
    major, minor, patch = ([int(part) for part in text.split(".")[:3]] + [0, 0])[:3]
    line, oldest = (major, minor), _OLDEST[name]
    if line < oldest:
        return _REDIS.failed(
            "version", f"{name} {text}", "use Redis 7 or later, or Valkey 8 or later"
        )
    repaired = _REPAIRED[name]
    if (line in repaired and patch >= repaired[line]) or line > max(repaired):
        return _REDIS.ok("version", f"{name} {text}")
    known = ", ".join(f"{a}.{b}.{c}" for (a, b), c in repaired.items())
    return _REDIS.warning(
        "version",
        f"{name} {text}; {_HOLES}, unless its packager has closed them",
        f"update to {known} or later, and let nobody else run scripts",
    )
