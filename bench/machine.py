"""Where figures come from: the machine, the versions, the command."""

import os
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("visitor-profiler", "kafka-python", "crc32c", "redis", "hiredis", "orjson")


def describe_machine() -> dict[str, str | int | float]:
    """Cores, CPU model, system, and the load of the last minute: who else was at work."""
    return {
        "cores": os.cpu_count() or 0,
        "cpu": _cpu_model(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def describe_versions(*, redis: str, kafka: str) -> dict[str, str]:
    """Versions of everything that takes part."""
    versions = {"python": platform.python_version(), "kafka_server": kafka, "redis_server": redis}
    return versions | {package: version(package) for package in _PACKAGES}


def command_line() -> str:
    """The command that was run."""
    return shlex.join(["python", "-m", "bench", *sys.argv[1:]])


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, text = line.partition(":")
        if name.strip() == "model name":
            return text.strip()
    return platform.processor() or "unknown"
