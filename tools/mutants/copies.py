"""A copy of the tree in which a mutant is put and tests run, so that nobody's files are touched."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import NamedTuple

from tools.mutants.areas import Area
from tools.mutants.draw import Mutant
from tools.mutants.renderings import RENDER, hook, is_rendered

#: After an interrupt pytest has so long to end the servers of its tests.
_GRACE_S = 30.0
#: For what is no test: rendering, and asking where the package comes from.
_SHORT_S = 60.0


#: Where renderings are, and what writes them: the presets', and those of the vectors' own rules.
_RENDERED = ("lua/rendered", "lua/vectors/rules")
_RENDER_PROGRAMS = (("profiler", "lua", "render"), ("tools.vectors", "--scripts"))


class Run(NamedTuple):
    """One run of pytest."""

    code: int
    output: str
    seconds: float
    is_late: bool


class Copy:
    """A copy of what Git knows or would take of a tree, at the same relative paths.

    Args:
        tree: the checkout; its ``.venv`` runs the tests.
        directory: where the copy goes; it must not exist.
    """

    def __init__(self, tree: Path, directory: Path) -> None:
        self._tree = tree
        self._directory = directory
        self._python = tree / ".venv" / "bin" / "python"
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=tree, check=True, capture_output=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # removed, and Git does not know yet
                shutil.copy2(tree / name, target, follow_symlinks=False)
        self._check_import()

    def put(self, mutant: Mutant) -> str:
        """Put a mutant in the place of the original.

        Returns:
            Why this is no mutant, or nothing.
        """
        path = self._directory / mutant.path
        source = path.read_text("utf-8")
        path.write_text(mutant.edit.apply(source), "utf-8")
        self._forget_bytecode(path)
        if mutant.path.endswith(".py"):
            return ""
        if mutant.path.endswith(".j2"):
            return self._render()
        if is_rendered(mutant):
            render = self._directory / RENDER
            render.write_text(render.read_text("utf-8") + hook(mutant, source), "utf-8")
            self._forget_bytecode(render)
        return _why_no_lua([path])

    def restore(self, mutant: Mutant) -> None:
        """Put the original back."""
        for name in (mutant.path, RENDER) if is_rendered(mutant) else (mutant.path,):
            path = self._directory / name
            shutil.copy2(self._tree / name, path)
            self._forget_bytecode(path)
        for folder in _RENDERED:
            shutil.copytree(self._tree / folder, self._directory / folder, dirs_exist_ok=True)

    def test(self, area: Area, limit_s: float) -> Run:
        """Run an area's tests until the first fails, in a session of their own.

        Args:
            area: whose tests.
            limit_s: after so long they are ended.
        """
        options = ["-x", "-q", "--tb=line", "--no-header", "-p", "no:cacheprovider"]
        options += ["-k", area.only] if area.only else []
        command = [str(self._python), "-m", "pytest", *options, *area.tests]
        begin = time.monotonic()
        with subprocess.Popen(
            command,
            cwd=self._directory,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=limit_s)
                is_late = False
            except subprocess.TimeoutExpired:
                output, is_late = _end(process), True
        return Run(process.returncode, output, time.monotonic() - begin, is_late)

    def _environment(self) -> dict[str, str]:
        # CI: a missing server is a failure, and properties take the same examples every time.
        return {**os.environ, "PYTHONPATH": str(self._directory), "CI": "true"}

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self._python), *arguments],
            cwd=self._directory,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_SHORT_S,
        )

    def _check_import(self) -> None:
        """Fail where tests would import the package of the tree, which is installed editably."""
        # From another directory, as programs that tests start are.
        program = "import os; os.chdir('/'); import profiler; print(profiler.__file__)"
        found = self._run("-P", "-c", program)
        if found.returncode or not Path(found.stdout.strip()).is_relative_to(self._directory):
            raise RuntimeError(f"tests would not import the copy: {found.stdout}{found.stderr}")

    def _render(self) -> str:
        before = self._renderings()
        if any(self._run("-m", *program).returncode for program in _RENDER_PROGRAMS):
            return "does not render"
        if before == self._renderings():
            return "renders to the same script"
        return _why_no_lua(before)

    def _renderings(self) -> dict[Path, bytes]:
        folders = (self._directory / folder for folder in _RENDERED)
        paths = (path for folder in folders for path in sorted(folder.glob("*.lua")))
        return {path: path.read_bytes() for path in paths}

    @staticmethod
    def _forget_bytecode(path: Path) -> None:
        """Python takes a change of the same length in the same second for none."""
        if path.suffix == ".py":
            Path(cache_from_source(str(path))).unlink(missing_ok=True)


def _why_no_lua(paths: Iterable[Path]) -> str:
    parse = ["luacheck", "--quiet", "--only", "0", "--", *map(str, paths)]
    is_lua = subprocess.run(parse, capture_output=True, check=False).returncode <= 1
    return "" if is_lua else "is no Lua"


def _end(process: subprocess.Popen[str]) -> str:
    """Interrupt pytest, which ends its servers, and kill what is left of its session."""
    process.send_signal(signal.SIGINT)
    try:
        output, _ = process.communicate(timeout=_GRACE_S)
    except subprocess.TimeoutExpired:
        output = ""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return output
