"""Builds and checks native/, the compiled inner loop, where this machine can.

    python -m tools.native setup|lint|test|memory|wheel

It needs Rust, of the version in native/Cargo.toml. Nothing here downloads a toolchain. Without one,
a line on stderr says loudly what was not done, and the end is 0: the Python engine does the same
work. With CI=true and a cargo, the end is then 1.

- ``setup`` installs visitor-profiler-native into this environment: a wheel of dist/ that is not
  older than the sources, or else a build. NATIVE=no leaves it out.
- ``lint`` runs rustfmt, clippy and cargo-deny. AUDIT=required makes it a failure that the database
  of advisories is away.
- ``test`` runs the crate's own tests.
- ``memory`` runs them under valgrind, and under the address sanitizer where a nightly toolchain is;
  and the installed sink under valgrind, on a real Kafka.
- ``wheel`` builds wheel and source distribution into dist/.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
CRATE = ROOT / "native"
DIST = ROOT / "dist"
PACKAGE = "visitor-profiler-native"

#: What a build is made of; a newer one makes what is installed stale.
SOURCES = ("Cargo.toml", "Cargo.lock", "pyproject.toml", "*.pyi", "src/**/*.rs")

#: For the download of the crates, and of the database of advisories.
FETCH_S = 120

#: Tells make that what is installed is of the sources.
STAMP = Path(sys.prefix) / ".native"

_TARGET = "x86_64-unknown-linux-gnu"


class NoToolchainError(Exception):
    """Why nothing can be built here."""


def require_toolchain() -> None:
    """Return if this machine's Rust builds the crate.

    Raises:
        NoToolchainError: it has none, an older one, or cannot get the crates.
    """
    for program in ("cargo", "rustc"):
        if shutil.which(program) is None:
            raise NoToolchainError(f"this machine has no {program}")
    needed = _manifest()["rust-version"]
    said = _output("rustc", "--version")
    found = re.match(r"rustc (\d+\.\d+)", said)
    if not found:
        raise NoToolchainError(f"rustc does not say its version: {said.strip()[:200]}")
    if _numbers(found[1]) < _numbers(needed):
        raise NoToolchainError(f"native/ needs Rust {needed}, and this machine has {found[1]}")
    if not _ran("cargo", "fetch", "--locked", timeout=FETCH_S):
        raise NoToolchainError("cargo cannot get the crates of native/Cargo.lock")


def setup() -> None:
    """Install a wheel that is at hand, or build one.

    Raises:
        NoToolchainError: there is neither.
    """
    if os.environ.get("NATIVE") == "no":
        _leave_out()
        raise NoToolchainError("NATIVE=no leaves it out")
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    install = (*pip, "install", "--no-deps", "--force-reinstall")
    newest = max(path.stat().st_mtime for glob in SOURCES for path in CRATE.glob(glob))
    # As Python writes the version.
    version = _manifest()["version"].replace("-dev", ".dev").replace("-", "")
    for wheel in DIST.glob(f"visitor_profiler_native-{version}-*.whl"):
        if wheel.stat().st_mtime >= newest and _ran(*install, "--no-index", str(wheel)):
            print(f"{PACKAGE}: installed {wheel.relative_to(ROOT)}")
            STAMP.touch()
            return
    try:
        require_toolchain()
    except NoToolchainError:
        _leave_out()
        raise
    # maturin is in this environment: no other one is made for the build.
    locked = {"MATURIN_PEP517_ARGS": "--locked"}
    _run(*install, "--no-build-isolation", str(CRATE), more=locked)
    STAMP.touch()


def lint() -> None:
    """Check style, and what the crates are. Raises as `require_toolchain` does."""
    require_toolchain()
    _run("cargo", "fmt", "--check")
    _run("cargo", "clippy", "--locked", "--quiet", "--all-targets", "--", "--deny", "warnings")
    _run("cargo-deny", "--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources")
    is_required = os.environ.get("AUDIT") == "required"
    if is_required or _ran("cargo-deny", "--locked", "fetch", "db", timeout=FETCH_S):
        _run("cargo-deny", "--locked", "check", "--hide-inclusion-graph", "advisories")
    else:
        _warn("THE CRATES WERE NOT AUDITED: the database of advisories is out of reach")


def test() -> None:
    """Run the crate's own tests. Raises as `require_toolchain` does."""
    require_toolchain()
    _run("cargo", "test", "--locked", "--quiet")


def memory() -> None:
    """Run them where every wrong access to memory is seen. Raises as `require_toolchain` does.

    valgrind sees what was never written, and the sanitizer what stands on the stack.
    """
    require_toolchain()
    valgrind = "valgrind --quiet --error-exitcode=9 --track-origins=yes --leak-check=no"
    runner = f"CARGO_TARGET_{_TARGET.upper().replace('-', '_')}_RUNNER"
    tests = ("test", "--locked", "--lib", "--target", _TARGET)
    _run("cargo", *tests, "--", "--test-threads=1", more={runner: valgrind})
    _run(sys.executable, "-m", "tools.sink_memory", more={"PYTHONPATH": str(ROOT)})
    if not _ran("cargo", "+nightly", "--version"):
        _warn("NO ADDRESS SANITIZER RAN: it needs a nightly toolchain")
        return
    # The interpreter keeps what it made until its end.
    sanitized = {"RUSTFLAGS": "-Zsanitizer=address", "ASAN_OPTIONS": "detect_leaks=0"}
    _run("cargo", "+nightly", *tests, "--target-dir", "target/sanitized", more=sanitized)


def wheel(directory: Path = DIST) -> None:
    """Build wheel and source distribution. Raises as `require_toolchain` does.

    maturin names the wheel after the oldest glibc that has all that it needs.
    """
    require_toolchain()
    # Messages of a panic name source files: no folder of this machine is in the wheel.
    places = {CRATE: "native", Path.home() / ".cargo" / "registry" / "src": "crates"}
    flags = " ".join(f"--remap-path-prefix={path}={name}" for path, name in places.items())
    options = ("--release", "--locked", "--out", str(directory), "--target-dir", "target/dist")
    _run("maturin", "build", *options, more={"RUSTFLAGS": flags})
    _run("maturin", "sdist", "--out", str(directory))


COMMANDS: Mapping[str, Callable[[], None]] = {
    each.__name__: each for each in (setup, lint, test, memory, wheel)
}
#: What is said where a command does nothing.
_NOT_DONE = {
    "setup": "the Python engine runs",
    "lint": "NATIVE/ WAS NOT CHECKED",
    "test": "NATIVE/ WAS NOT TESTED",
    "memory": "NATIVE/ WAS NOT TESTED",
    "wheel": "NO NATIVE WHEEL WAS BUILT",
}


def main(arguments: Sequence[str]) -> int:
    """Run a command; return the exit code."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"usage: python -m tools.native {'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    [name] = arguments
    try:
        COMMANDS[name]()
    except NoToolchainError as reason:
        if name == "setup":
            print(f"{PACKAGE}: not installed, {_NOT_DONE[name]}: {reason}", file=sys.stderr)
        else:
            _warn(f"{_NOT_DONE[name]}: {reason}")
        return int(os.environ.get("CI") == "true" and shutil.which("cargo") is not None)
    except subprocess.CalledProcessError as error:
        print(f"native/: {' '.join(map(str, error.cmd))} failed", file=sys.stderr)
        return 1
    return 0


def _leave_out() -> None:
    """Remove an installation that may be older than the sources."""
    STAMP.unlink(missing_ok=True)
    try:
        distribution(PACKAGE)
    except PackageNotFoundError:
        return
    _run(sys.executable, "-m", "pip", "--quiet", "uninstall", "--yes", PACKAGE)


def _manifest() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((CRATE / "Cargo.toml").read_text("utf-8"))["package"]
    return found


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    here = Path(sys.executable).parent
    return {
        **os.environ,
        # Without these, maturin and rustup download a toolchain where there is none.
        "MATURIN_NO_INSTALL_RUST": "1",
        "RUSTUP_AUTO_INSTALL": "0",
        "PYO3_PYTHON": sys.executable,
        "PATH": f"{here}{os.pathsep}{os.environ['PATH']}",
        **more,
    }


def _run(*command: str, more: Mapping[str, str] | None = None) -> None:
    subprocess.run(command, cwd=CRATE, env=_environment(more or {}), check=True)


def _ran(*command: str, timeout: int | None = None) -> bool:
    """Whether a command succeeds; what it prints is not shown."""
    try:
        done = subprocess.run(
            command,
            cwd=CRATE,
            env=_environment({}),
            capture_output=True,
            check=False,
            timeout=timeout,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _output(*command: str) -> str:
    done = subprocess.run(
        command, cwd=CRATE, env=_environment({}), capture_output=True, text=True, check=False
    )
    return done.stdout or done.stderr


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _warn(text: str) -> None:
    print(f"WARNING: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
