"""The measured programs as child processes."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from profiler.processes import ServerProcess
from profiler.settings import ENV_PREFIX

_HERE = Path(__file__).parent


class Worker(ServerProcess):
    """A program between two topics; it ends with us, whatever happens."""

    name = "worker"

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        output_topic: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Describe it.

        Args:
            arguments: for the Python interpreter.
            output_topic: its records show how far the program is.
            environment: settings; ours for the profiler are not handed on.
        """
        super().__init__()
        self.output_topic = output_topic
        self._arguments = list(arguments)
        self._environment = dict(environment or {})

    def command(self) -> list[str]:
        """The interpreter and the program."""
        return [sys.executable, *self._arguments]

    def environment(self) -> dict[str, str]:
        """Our environment without settings, and this program's."""
        prefix = ENV_PREFIX.upper()
        clean = {name: text for name, text in os.environ.items() if not name.startswith(prefix)}
        return clean | self._environment

    def is_ready(self) -> bool:
        """At once: its start-up is not measured."""
        return True

    def cpu_us(self) -> float | None:
        """User and system time so far; None where the system has no ``/proc``."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        except OSError:
            return None
        # The second field, the name, is in parentheses and may hold blanks.
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) * 1e6 / os.sysconf("SC_CLK_TCK")


def article_script(name: str, *arguments: str, output_topic: str) -> Worker:
    """One of the two programs of the article, in this directory."""
    return Worker([str(_HERE / f"{name}.py"), *arguments], output_topic=output_topic)


def profiler_run(settings: Mapping[str, str], *, output_topic: str) -> Worker:
    """`profiler run` as anybody starts it, its settings in the environment."""
    environment = {ENV_PREFIX.upper() + name: text for name, text in settings.items()}
    return Worker(["-m", "profiler", "run"], output_topic=output_topic, environment=environment)
