"""Interpreters of the versions that we name, wherever they can be had on this machine.

One on the PATH, one that pyenv or uv installed, or, as root, one of another release of Debian:
`debootstrap` lays that release out in a folder, and the interpreter runs in there.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from servers.cache import cache_folder

VERSIONS = ("3.11", "3.12", "3.13", "3.14")

#: Releases of Debian by the version of Python that they have; the second of those that have it.
_DEBIAN = {"3.11": "bookworm", "3.13": "trixie", "3.14": "forky"}
_PACKAGES = "python3,python3-venv,ca-certificates"
#: debootstrap lays out every release alike, and knows the newest ones only by this name.
_LAYOUT = "sid"


class Interpreter(Protocol):
    """Runs commands with a Python, in a folder that both sides see."""

    @property
    def where(self) -> str:
        """Whose it is, for the report."""

    def run(self, words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run ``python WORDS…`` in a folder."""


class LocalPython(NamedTuple):
    """An interpreter of this machine."""

    python: str

    @property
    def where(self) -> str:
        """See `Interpreter`."""
        return self.python

    def run(self, words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """See `Interpreter`."""
        return _run([self.python, *words], cwd=folder, environment=_variables())


class DebianPython(NamedTuple):
    """The interpreter of a release of Debian in a folder."""

    suite: str
    root: Path

    @property
    def where(self) -> str:
        """See `Interpreter`."""
        return f"Debian {self.suite}"

    def run(self, words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """See `Interpreter`."""
        inside = self.root / "work"
        inside.mkdir(exist_ok=True)
        # What is mounted ends with its namespace.
        script = (
            'mount --bind "$1" "$0/work" && mount --rbind /dev "$0/dev" &&'
            ' mount -t proc proc "$0/proc" && cp -L /etc/resolv.conf "$0/etc/" &&'
            ' cp -L /etc/ssl/certs/ca-certificates.crt "$0/etc/ssl/certs/" &&'
            ' shift && exec chroot "$0" sh -c \'cd /work && exec python3 "$@"\' - "$@"'
        )
        alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        command = [*alone, "sh", "-c", script, str(self.root), str(folder), *words]
        return _run(command, cwd=folder, environment={**_variables(), "HOME": "/root"})


def find(version: str) -> Interpreter | None:
    """An interpreter of a version such as ``3.13``; None where none can be had."""
    if python := _local(version):
        return LocalPython(python)
    suite = _DEBIAN.get(version)
    if suite is None or os.geteuid() != 0 or shutil.which("debootstrap") is None:
        return None
    root = cache_folder() / f"python-{version}-{suite}"
    if not root.exists():
        _lay_out(suite, root)
    return DebianPython(suite, root)


def _local(version: str) -> str | None:
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    named = [*pyenv.glob(f"versions/{version}.*/bin/python{version}")]
    if on_path := shutil.which(f"python{version}"):
        named.append(Path(on_path))
    if shutil.which("uv"):
        asked = _run(["uv", "python", "find", "--no-python-downloads", version])
        named += [Path(line) for line in asked.stdout.split()] if asked.returncode == 0 else []
    # One without the module that makes environments is of no use.
    return next(
        (
            str(each)
            for each in named
            if _run([str(each), "-c", "import ensurepip"]).returncode == 0
        ),
        None,
    )


def _lay_out(suite: str, root: Path) -> None:
    unfinished = root.with_name(f"{root.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", suite]
    subprocess.run(
        [*alone, *command, str(unfinished), _mirror(), _LAYOUT],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    unfinished.rename(root)


def _mirror() -> str:
    """Where this machine's apt finds Debian."""
    asked = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]
    return next(iter(_run([*asked, "Label: Debian"]).stdout.split()), "")


def _variables() -> dict[str, str]:
    """How this machine's pip reaches its index, and nothing of the environment that we run in."""
    ours = {name: text for name, text in os.environ.items() if name.startswith("PIP_")}
    path = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    return {**ours, "PATH": path, "HOME": str(Path.home()), "LANG": "C.UTF-8"}


def _run(
    command: Sequence[str], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
