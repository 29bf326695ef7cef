"""A runbook's commands, run as they stand on its page, on a Kafka and a Redis of the test's own.

Over 250 lines: one site, with its servers, its shell and its workers.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import RetriableError

from profiler.servers.embedded import StoreServer
from profiler.servers.ports import LOOPBACK, free_port
from profiler.servers.processes import wait_until
from servers import MissingServerError
from servers.kafka import KafkaProcess, admin_client
from servers.kafka_java import find_java
from servers.redis import redis_binary
from tests.integration.fault_events import VISITORS
from tests.integration.programs import PATIENCE_S, Program, clean_environment
from tests.missing import give_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.integration.pipeline_runs import Input

PAGES = Path(__file__).parents[2] / "docs" / "runbooks"
#: The scripts of Kafka's distribution, and what each of them starts.
TOOLS = {
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-delete-records.sh": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-transactions.sh": "org.apache.kafka.tools.TransactionsCommand",
}
TOPICS = ("tracking_processed", "tracking_flattened", "tracking_persisted", "tracking_rejected")
PARTITIONS = 3
#: Any retention: records have the times of the traffic.
KEEP = {"retention.ms": "-1", "message.timestamp.after.max.ms": str(2**62)}
#: So long is a worker that is gone a member; the pages say 45 s.
SESSION = {"PROFILER_KAFKA__SESSION_TIMEOUT_MS": "12000"}
#: What a page calls the broker.
BROKER = "kafka:9092"


class Redis(StoreServer):
    """A Redis with an append-only file, unless a restore needs it without."""

    appendonly = "yes"

    def command(self) -> list[str]:
        """See `StoreServer.command`."""
        return [*super().command(), "--appendonly", self.appendonly]


class Site:
    """Kafka, Redis with an append-only file, and a shell in which a page's commands work.

    Args:
        page: the name of the runbook.
        directory: for files, and where the commands run.

    Attributes:
        directory: the same.
        environment: of all commands and workers.
    """

    def __init__(self, page: str, directory: Path) -> None:
        self._text = (PAGES / f"{page}.md").read_text("utf-8")
        self.directory = directory
        self.kafka = KafkaProcess()
        self.redis = Redis(redis_binary())
        self._programs = directory / "bin"
        self._stack = ExitStack()
        self._addresses: dict[int, str] = {}
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.kafka)
            stack.enter_context(self.redis)
            self._stack = stack.pop_all()
        self._write_programs()
        self.environment = {
            "PATH": f"{self._programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PROFILER_KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "PROFILER_REDIS__URL": self.redis.url,
            "PROFILER_BATCH__POLL_TIMEOUT_MS": "100",
            "COLUMNS": "200",
        }
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _write_programs(self) -> None:
        """The tools by their names; what the page calls the servers is ours."""
        self._programs.mkdir()
        java = shlex.join(find_java().command())
        mine = self.kafka.bootstrap_servers
        for name, main in TOOLS.items():
            self._write(name, f'exec {java} {main} "${{@/#{BROKER}/{mine}}}"')
        port = str(self.redis.port)
        self._write("redis-cli", f'exec /usr/bin/redis-cli -h {LOOPBACK} -p {port} "$@"')

    def _write(self, name: str, line: str) -> None:
        script = self._programs / name
        script.write_text(f"#!/usr/bin/env bash\n{line}\n")
        script.chmod(0o755)

    def run(self, command: str, *, code: int = 0, written: str = "") -> str:
        """Run a command of the page, and return what it printed.

        Args:
            command: a line for the shell.
            code: what it must end with.
            written: how the page has it, where that is not the same.
        """
        assert (written or command) in self._text, f"not on the page: {command}"
        return self.ask(command, code=code)

    def ask(self, command: str, *, code: int = 0) -> str:
        """The same with a command that is on no page."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.directory,
            env=clean_environment(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=3 * PATIENCE_S,
        )
        print(f"$ {command}\n{done.stdout}[{done.returncode}]", flush=True)  # noqa: T201 - the page is written from it
        assert done.returncode == code, done.stdout
        return done.stdout

    def make_topics(self, **further: str) -> None:
        """Make the topics, with settings for all of them."""
        subprocess.run(
            [
                *(sys.executable, "-m", "profiler", "topics", "create"),
                *("--partitions", str(PARTITIONS), "--replication", "1"),
            ],
            env=clean_environment(self.environment),
            check=True,
            capture_output=True,
        )
        settings = ",".join(f"{name}={value}" for name, value in (KEEP | further).items())
        for topic in TOPICS:
            self._quietly("kafka-configs.sh", topic, settings)

    def _quietly(self, tool: str, topic: str, settings: str) -> None:
        where = ("--bootstrap-server", BROKER, "--alter", "--entity-type", "topics")
        command = [tool, *where, "--entity-name", topic, "--add-config", settings]
        environment = clean_environment(self.environment)
        path = str(self._programs / tool)
        subprocess.run([path, *command[1:]], env=environment, check=True, capture_output=True)

    def worker(
        self,
        number: int = 0,
        *flags: str,
        program: Sequence[str] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> Program:
        """Start a worker with a name that stays."""
        name = f"worker-{number}"
        names = {"PROFILER_WORKER_ID": name, "PROFILER_KAFKA__GROUP_INSTANCE_ID": name}
        environment = {**self.environment, **names, **(settings or {})}
        return Program(["run", *flags], environment, self.directory, program)

    @contextmanager
    def as_program(self, tree: Path) -> Iterator[None]:
        """Let `profiler` be another tree's meanwhile."""
        program = self._programs / "profiler"
        self._write("profiler", f'PYTHONPATH={tree} exec {sys.executable} -m profiler "$@"')
        yield
        program.unlink()

    def address(self, number: int) -> str:
        """Where a worker shows its metrics."""
        return self._addresses.setdefault(number, f"{LOOPBACK}:{free_port()}")

    def empty_redis(self) -> None:
        """Take the files of a Redis that does not run."""
        shutil.rmtree(self.redis.directory / "appendonlydir", ignore_errors=True)
        (self.redis.directory / "dump.rdb").unlink(missing_ok=True)

    def restore(self, backup: bytes) -> None:
        """Do steps 2 to 4 of "With a backup of Redis"."""
        restored = (PAGES / "restore-from-nothing.md").read_text("utf-8")
        self.redis.stop()
        self.empty_redis()
        (self.redis.directory / "dump.rdb").write_bytes(backup)
        self.redis.appendonly = "no"
        self.redis.start()
        for command in ("redis-cli dbsize", "redis-cli config set appendonly yes"):
            assert command in restored
            self.ask(command)
        look = (
            "redis-cli info persistence"
            " | grep -E 'aof_enabled|aof_rewrite_in_progress|aof_last_bgrewrite_status'"
        )
        assert look in restored
        written = "aof_rewrite_in_progress:0"
        assert wait_until(lambda: written in self.ask(look), timeout=PATIENCE_S)
        self.redis.appendonly = "yes"
        self.redis.stop()
        self.redis.start()

    def produce(self, inputs: Iterable[Input], topic: str = TOPICS[0]) -> None:
        """Write records, and wait for their acknowledgements."""
        with KafkaProducer(bootstrap_servers=self.kafka.bootstrap_servers) as producer:
            for record in inputs:
                producer.send(
                    topic,
                    record.value,
                    key=record.key,
                    partition=record.partition,
                    timestamp_ms=record.timestamp,
                )
            producer.flush()

    def lag(self, group: str = "visitor_profiler") -> int:
        """Offsets of the input that the group has not committed."""
        places = [TopicPartition(TOPICS[0], number) for number in range(PARTITIONS)]
        with admin_client(self.kafka.bootstrap_servers) as admin:
            found: dict[Any, Any] = {}
            # The first group ever: the broker is still making the topic of offsets.
            with suppress(RetriableError):
                found = admin.list_group_offsets(group)[group]
            ends = admin.list_partition_offsets(dict.fromkeys(places, -1))
            return sum(
                end.offset - (found[place].offset if place in found else 0)
                for place, end in ends.items()
            )

    def is_done(self) -> bool:
        """Whether a worker has committed all that there is, but for the end of a transaction."""
        return self.lag() <= 1


@contextmanager
def site(page: str, directory: Path) -> Iterator[Site]:
    """The servers and the topics, for a page's commands."""
    try:
        found = Site(page, directory)
    except MissingServerError as missing:
        give_up("Kafka and Redis of the test's own", [str(missing)])
    with found:
        found.environment |= SESSION
        found.make_topics()
        yield found


def events(there: Site) -> int:
    """Those of the first visitor, by its profile."""
    told = there.ask(f"profiler get {VISITORS[0]} --json")
    return int(json.loads(told)["profile"]["visitor_events"])


def outputs(there: Site) -> int:
    """Records of `tracking_persisted`, as a committed reader sees them."""
    consumer = KafkaConsumer(
        bootstrap_servers=there.kafka.bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    try:
        places = [TopicPartition("tracking_persisted", n) for n in range(PARTITIONS)]
        consumer.assign(places)
        found = 0
        while polled := consumer.poll(timeout_ms=2_000):
            found += sum(map(len, polled.values()))
        return found
    finally:
        consumer.close()
