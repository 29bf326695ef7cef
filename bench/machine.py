"""Where figures come from: the machine, the versions, the command."""

import os
import platform
import shlex
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("visitor-profiler", "kafka-python", "crc32c", "redis", "hiredis", "orjson")
#: The extra `librdkafka`.
_OPTIONAL = "confluent-kafka"
#: In /proc/net/tcp.
_LISTEN = "0A"


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


def idle_us() -> float | None:
    """Time without work so far, over all cores; None where the system has no ``/proc``."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return None
    # cpu user nice system idle iowait …
    idle, waiting = first.split()[4:6]
    return (int(idle) + int(waiting)) * 1e6 / os.sysconf("SC_CLK_TCK")


def pid_listening_on(port: int) -> int | None:
    """The process of ours that listens on a TCP port of this machine, if that can be known."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # another user's, or it has ended
            for descriptor in (process / "fd").iterdir():
                if sockets and str(descriptor.readlink()) in sockets:
                    return int(process.name)
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == _LISTEN and int(local.rpartition(":")[2], 16) == port:
                    yield rest[5]


def free_bytes() -> int:
    """Memory that programs can still take."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith("MemAvailable"))
