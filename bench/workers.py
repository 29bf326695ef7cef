"""The measured programs as child processes."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.broker import Topics
from bench.errors import BenchError
from bench.machine import cpu_us
from profiler.config.settings import ENV_PREFIX, BatchSettings
from profiler.engine import choose_engine
from profiler.errors import ConfigError
from profiler.servers.processes import ServerProcess

_HERE = Path(__file__).parent
#: What a worker of ours can be made of, as settings: its Kafka client, and its inner loop.
KINDS: Mapping[str, Mapping[str, str]] = {
    "kafka-python": {"kafka__client": "kafka-python", "engine": "python"},
    "librdkafka": {"kafka__client": "librdkafka", "engine": "python"},
    "native": {"kafka__client": "librdkafka", "engine": "native"},
}
NATIVE = "native"


class Program(ServerProcess):
    """A measured program; it ends with us, whatever happens."""

    name = "program"

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        interpreter: Path | None = None,
    ) -> None:
        """Describe it.

        Args:
            arguments: for the interpreter.
            environment: settings; ours for the profiler are not handed on.
            interpreter: what runs it, in place of our Python.
        """
        super().__init__()
        self._arguments = list(arguments)
        self._environment = dict(environment or {})
        self._interpreter = str(interpreter or sys.executable)

    def command(self) -> list[str]:
        """The interpreter and the program."""
        return [self._interpreter, *self._arguments]

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
        return cpu_us(self.pid)


class Worker(Program):
    """A program between two topics."""

    name = "worker"

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        output_topic: str,
        environment: Mapping[str, str] | None = None,
        interpreter: Path | None = None,
    ) -> None:
        """Describe it.

        Args:
            arguments: see `Program`.
            output_topic: its records show how far the program is.
            environment: see `Program`.
            interpreter: see `Program`.
        """
        super().__init__(arguments, environment=environment, interpreter=interpreter)
        self.output_topic = output_topic


def program(
    name: str, *arguments: str, output_topic: str, interpreter: Path | None = None
) -> Worker:
    """One of the programs in this directory.

    Args:
        name: the file's, without its ending.
        arguments: the program's own.
        output_topic: see `Worker`.
        interpreter: another Python than ours.
    """
    return Worker(
        [str(_HERE / f"{name}.py"), *arguments], output_topic=output_topic, interpreter=interpreter
    )


def profiler_run(
    settings: Mapping[str, str], addresses: Mapping[str, str], topics: Topics, token: str
) -> Worker:
    """`profiler run` as anybody starts it, its settings in the environment.

    Args:
        settings: by name, with two underscores between section and name.
        addresses: of the servers; likewise.
        topics: of the round.
        token: makes the consumer group's name.
    """
    environment = settings_environment(addresses, topics, token, settings)
    return Worker(["-m", "profiler", "run"], output_topic=topics.persisted, environment=environment)


def settings_environment(
    addresses: Mapping[str, str], topics: Topics, token: str, settings: Mapping[str, str]
) -> dict[str, str]:
    """The variables for a worker; the arguments are those of `profiler_run`."""
    names = {f"topics__{name}": topic for name, topic in topics._asdict().items()}
    return variables_of({"groups__run": f"bench-{token}", **names, **addresses, **settings})


def variables_of(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings as the environment has them."""
    return {(ENV_PREFIX + name).upper(): text for name, text in settings.items()}


def missing_engine(kind: str) -> str:
    """Why a worker of this kind (see `KINDS`) cannot run here; empty where it can."""
    try:
        choose_engine("native" if kind == NATIVE else "python")
    except ConfigError as error:
        return str(error)
    return ""


def check_engine(kind: str) -> None:
    """See that workers of this kind can run here.

    Raises:
        BenchError: they cannot.
    """
    if missing := missing_engine(kind):
        raise BenchError(f"{missing}; or give another --kind")


def pass_through(
    bootstrap_servers: str, topics: Topics, token: str, sizes: tuple[int, int]
) -> Worker:
    """The transport alone, in batches of the worker's size.

    Args:
        bootstrap_servers: the cluster.
        topics: of the round.
        token: makes the consumer group's name.
        sizes: bytes of a flattened and of a persisted value.
    """
    return program(
        "passthrough",
        *(bootstrap_servers, f"bench-{token}", *topics[:3]),
        *map(str, (*sizes, BatchSettings().max_records)),
        output_topic=topics.persisted,
    )
