"""Where figures come from: the machine, the versions, the command."""

import os
import platform
import shlex
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("visitor-profiler", "kafka-python", "crc32c", "redis", "hiredis", "orjson")
#: The extra `librdkafka`.
_OPTIONAL = "confluent-kafka"


def describe_machine() -> dict[str, str | int | float]:
    """Cores, CPU model, system, and the load of the last minute: who else was at work."""
    return {
        "cores": os.cpu_count() or 0,
        "cpu": _cpu_model(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def package_versions() -> dict[str, str]:
    """Versions of Python and of our packages that take part."""
    versions = {"python": platform.python_version()}
    versions |= {package: version(package) for package in _PACKAGES}
    with suppress(PackageNotFoundError):
        versions[_OPTIONAL] = version(_OPTIONAL)
    return versions


def cpu_us(pid: int) -> float | None:
    """User and system time of a process so far; None where the system has no ``/proc``."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return None
    # The second field, the name, is in parentheses and may hold blanks.
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) * 1e6 / os.sysconf("SC_CLK_TCK")


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
