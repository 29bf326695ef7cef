"""The distributions as they are published, and an environment that has nothing but the wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.missing import give_up
from tests.packaging.commands import ROOT, bare_environment, pip_settings, run
from tests.packaging.image import Image
from tools import native
from tools.release.distributions import dated_environment

if TYPE_CHECKING:
    from pathlib import Path

NOT_SOURCE = (
    ".git",
    ".venv",
    "build",
    "dist",
    "node_modules",
    "target",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
)


@dataclass(frozen=True)
class Distributions:
    """What `make dist` makes.

    Attributes:
        tree: a copy of the source tree, from which they were made.
        sdist: the source distribution.
        wheel: the wheel, made from `sdist`.
    """

    tree: Path
    sdist: Path
    wheel: Path


@dataclass(frozen=True)
class Installation:
    """An environment in which the wheel is installed, far from the source tree.

    Attributes:
        python: its interpreter.
        directory: where its commands run.
    """

    python: Path
    directory: Path

    @property
    def profiler(self) -> Path:
        """The console script."""
        return self.python.with_name("profiler")

    def run(
        self, *command: str | Path, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there, with these variables alone, and expect success."""
        environment = {**bare_environment(self.python.parent, self.directory), **variables}
        return run(command, directory=self.directory, environment=environment, stdin=stdin)


def build(source: Path, destination: Path, *options: str) -> None:
    """Build as a publisher does: in an isolated environment with the declared backend."""
    command = [sys.executable, "-m", "build", "--outdir", str(destination), *options, str(source)]
    run(command, directory=destination, environment=dated_environment())


@pytest.fixture(scope="session")
def package_index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips (in CI: fails) where pip reaches no index."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries", "1"]
    options = ["--disable-pip-version-check", "--dest", str(tmp_path_factory.mktemp("index"))]
    asked = subprocess.run([*pip, *options, "hatchling"], capture_output=True, check=False)
    if asked.returncode != 0:
        give_up("a package index", ["let pip reach one (it needs hatchling and our dependencies)"])


@pytest.fixture(scope="session")
def distributions(
    tmp_path_factory: pytest.TempPathFactory,
    package_index: None,  # noqa: ARG001 - must be there
) -> Distributions:
    """Build both from a copy of the tree, the wheel from the source distribution."""
    tree = tmp_path_factory.mktemp("source") / "tree"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    built = tmp_path_factory.mktemp("dist")
    build(tree, built)
    [sdist], [wheel] = built.glob("*.tar.gz"), built.glob("*.whl")
    return Distributions(tree, sdist, wheel)


@pytest.fixture(scope="session")
def installation(
    tmp_path_factory: pytest.TempPathFactory, distributions: Distributions
) -> Installation:
    """Install the wheel, with what the demo needs, in an environment of its own."""
    return installed(tmp_path_factory.mktemp("elsewhere"), f"{distributions.wheel}[demo]")


@pytest.fixture(scope="session")
def native_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of the native part; skips where that cannot be (in CI: without Rust only)."""
    built = tmp_path_factory.mktemp("native")
    try:
        native.wheel(built)
    except native.NoToolchainError as reason:
        if shutil.which("cargo") is None:
            pytest.skip(f"a native wheel: {reason}")
        give_up("a native wheel", [str(reason)])
    [wheel] = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def native_installation(
    tmp_path_factory: pytest.TempPathFactory, distributions: Distributions, native_wheel: Path
) -> Installation:
    """Install both wheels, the second one as what the extra `native` of the first one asks for."""
    directory = tmp_path_factory.mktemp("native_elsewhere")
    return installed(directory, f"{distributions.wheel}[demo,native]", str(native_wheel))


def installed(directory: Path, *requirements: str) -> Installation:
    """An environment with these."""
    venv.create(directory / "venv", symlinks=True)
    made = Installation(directory / "venv" / "bin" / "python", directory)
    # Our pip: to give the environment one of its own takes as long as all the rest.
    pip = (sys.executable, "-m", "pip", "--python", made.python, "--disable-pip-version-check")
    made.run(*pip, "install", "--quiet", *requirements, **pip_settings())
    return made


@pytest.fixture(scope="session")
def image(
    tmp_path_factory: pytest.TempPathFactory,
    package_index: None,  # noqa: ARG001 - must be there
) -> Image:
    """Run the Dockerfile's steps."""
    return Image(tmp_path_factory.mktemp("image"))
