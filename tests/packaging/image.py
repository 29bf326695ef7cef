"""What `docker build` would make of the Dockerfile, made without a Docker engine.

Its steps run as plain commands on this machine's Python. Each absolute path in them is moved
under one directory, which stands for the file systems of all stages.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.packaging.commands import ROOT, bare_environment, pip_settings, run

# Instructions that change nothing of what runs.
DESCRIPTIVE = ("LABEL",)


@dataclass
class Stage:
    """One stage of the build.

    Attributes:
        base: the image that it starts from.
        instructions: names and arguments, in order.
        workdir: the working directory.
        environment: what ENV set, with paths moved.
        entrypoint: the program, as JSON in the file.
        command: its default arguments.
        user: the last USER.
        health: the command that asks whether a container is well.
    """

    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)
    workdir: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    user: str = "root"
    health: list[str] = field(default_factory=list)


def stages() -> list[Stage]:
    """Read the Dockerfile."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found: list[Stage] = []
    for line in filter(None, text.splitlines()):
        name, _, arguments = line.partition(" ")
        if name == "FROM":
            found.append(Stage(base=arguments.split()[0]))
        else:
            found[-1].instructions.append((name, arguments.strip()))
    return found


class Image:
    """The image, as far as processes of this machine can show it."""

    def __init__(self, root: Path) -> None:
        """Run the steps of all stages.

        Args:
            root: an empty directory.
        """
        self.root = root
        for self._stage in stages():
            for name, arguments in self._stage.instructions:
                if name not in DESCRIPTIVE:
                    getattr(self, f"_{name.lower()}")(arguments)

    @property
    def final(self) -> Stage:
        """The stage that becomes the image."""
        return self._stage

    def command(self, *arguments: str) -> list[str]:
        """The command line of a container that is given these arguments."""
        program, *fixed = self.final.entrypoint
        found = shutil.which(program, path=self.environment()["PATH"])
        assert found is not None, f"{program} is not in the image's PATH"
        return [found, *fixed, *(arguments or self.final.command)]

    def environment(self) -> dict[str, str]:
        """The environment of a container, without what `docker run` adds."""
        return {**self._base(), **self.final.environment}

    def moved(self, text: str) -> str:
        """The text with its absolute paths under our root."""
        return re.sub(r"(?<![\w./*])/(?=\w)", f"{self.root}/", text)

    def _base(self) -> dict[str, str]:
        # The base image has a Python in the PATH; here it is the one that runs the tests.
        return bare_environment(Path(sys.executable).parent, self.root)

    def _workdir(self, path: str) -> None:
        self._stage.workdir = path
        Path(self.moved(path)).mkdir(parents=True, exist_ok=True)

    def _copy(self, arguments: str) -> None:
        *options, source, target = arguments.split()
        if options:
            # All stages share our root; the scripts of an environment hold its path.
            assert options == ["--from=build"]
            assert source == target
            assert Path(self.moved(target)).is_dir()
            return
        assert (source, target) == (".", ".")
        copy_context(Path(self.moved(self._stage.workdir)))

    def _run(self, command: str) -> None:
        run(
            ["sh", "-euc", self.moved(command)],
            directory=self.moved(self._stage.workdir),
            environment={**self._base(), **pip_settings(), **self._stage.environment},
        )

    def _env(self, arguments: str) -> None:
        for assignment in shlex.split(arguments):
            name, _, value = assignment.partition("=")
            before = self._base()[name]
            self._stage.environment[name] = self.moved(value).replace(f"${name}", before)

    def _user(self, user: str) -> None:
        self._stage.user = user

    def _healthcheck(self, arguments: str) -> None:
        _, _, command = arguments.partition("CMD ")
        self._stage.health = json.loads(command)

    def _entrypoint(self, arguments: str) -> None:
        self._stage.entrypoint = json.loads(arguments)

    def _cmd(self, arguments: str) -> None:
        self._stage.command = json.loads(arguments)


def copy_context(target: Path) -> None:
    """Copy what `.dockerignore` lets through: it names what is kept, and then what is not."""
    first, *patterns = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert first == "*"
    kept = [pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")]
    dropped = [pattern.removeprefix("**/") for pattern in patterns if not pattern.startswith("!")]
    for name in kept:
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns(*dropped)
            shutil.copytree(source, target / name, symlinks=True, ignore=ignore)
        else:
            shutil.copy(source, target / name)
