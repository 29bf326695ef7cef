"""Looks for wrong accesses to memory, and for leaks, of the compiled sink: by valgrind.

    python -m tools.sink_memory

It takes or starts a real Kafka as the tests do. A program sends records natively, of which many
fail, in every way that there is, and makes transactions. It runs twice, with few rounds and with
many: what the many leave behind at the end is no more than what the few do. What librdkafka, the
interpreter and the imports keep to their end is in both.
"""

import logging
import os
import re
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack, suppress
from pathlib import Path

from confluent_kafka import Consumer, KafkaException

from profiler.config import KafkaSettings
from profiler.errors import TransportError
from profiler.kafka.admin.topics import create_topics
from profiler.kafka.librdkafka import RAW, LibrdkafkaProducer
from profiler.records.types import OutputRecord
from servers.kafka import shared_kafka

ROOT = Path(__file__).parent.parent

_RECORDS = 200
_ROUNDS = (2, 8)
#: Blocks of memory that a round leaves behind, of which some errors are met once in a round.
_TOO_MANY = 0.5
_PATIENCE_S = 900

_DAY_MS = 86_400_000
_LOG = logging.getLogger("tools.sink_memory")


def main() -> int:
    """Compare both runs; return the exit code."""
    if len(sys.argv) > 1:
        _send(*sys.argv[1:3], rounds=int(sys.argv[3]))
        return 0
    with ExitStack() as stack:
        servers = shared_kafka(stack).bootstrap_servers
        topic = f"sink-memory-{uuid.uuid4().hex[:8]}"
        create_topics(
            KafkaSettings(bootstrap_servers=servers), [topic], partitions=2, replication=1
        )
        few, many = (_blocks(servers, topic, rounds) for rounds in _ROUNDS)
    left = (many - few) / (_ROUNDS[1] - _ROUNDS[0])
    print(f"the compiled sink: no wrong access; a round leaves {left:.1f} blocks behind")
    return int(left >= _TOO_MANY)


def _blocks(servers: str, topic: str, rounds: int) -> int:
    """Blocks of memory that are in use at the end; ends the program where an access is wrong."""
    # Of values that were never written the interpreter has its own, which are none.
    valgrind = ("valgrind", "--error-exitcode=9", "--leak-check=no", "--undef-value-errors=no")
    run = subprocess.run(
        [*valgrind, sys.executable, "-m", "tools.sink_memory", servers, topic, str(rounds)],
        cwd=ROOT,
        env={**os.environ, "PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    if run.returncode:
        raise SystemExit(f"the compiled sink, under valgrind: {run.returncode}\n{run.stderr}")
    found = re.search(r"in use at exit: [\d,]+ bytes in ([\d,]+) blocks", run.stderr)
    if not found:
        raise SystemExit(f"valgrind tells nothing of the memory:\n{run.stderr}")
    return int(found[1].replace(",", ""))


def _send(servers: str, topic: str, *, rounds: int) -> None:
    """Send, fail, commit and abort; each round with clients of its own."""
    logging.disable()
    settings = KafkaSettings(bootstrap_servers=servers, delivery_timeout_ms=60_000)
    for _ in range(rounds):
        _plain(settings, topic)
        _transactions(servers, topic)
        _refusals(servers)


def _plain(settings: KafkaSettings, topic: str) -> None:
    producer = LibrdkafkaProducer(settings, make_raw=RAW["native"])
    producer.send(_records(topic))
    late = int(time.time() * 1_000) + _DAY_MS
    for wrong in (
        _records(topic, timestamp=late),  # the broker refuses them
        _records(topic, value=b"x" * 2_000_000),  # the library does
        _records("not a name"),
    ):
        with suppress(TransportError):
            producer.send(wrong)
    producer.send(_records(topic, headers=(("\udcff", b"1"), ("nul\0", None))))
    producer.close()


def _transactions(servers: str, topic: str) -> None:
    options = {"bootstrap.servers": servers, "logger": _LOG}
    client = RAW["native"](options | {"transactional.id": topic})
    member = Consumer({"bootstrap.servers": servers, "group.id": topic})
    metadata: bytes = member.consumer_group_metadata()
    client.init_transactions(_PATIENCE_S)
    places = [(topic, partition, 1) for partition in range(2)]
    for is_right in (False, True):
        client.begin_transaction()
        client.produce(_records(topic), 0, 1 << 30)
        client.flush(_PATIENCE_S)
        with suppress(KafkaException):
            given = metadata if is_right else b"of nobody"
            client.send_offsets(places, "a text", given, _PATIENCE_S)
        (client.commit_transaction if is_right else client.abort_transaction)(_PATIENCE_S)
    client.begin_transaction()
    client.produce(_records(topic), 0, 1 << 30)
    client.purge()
    client.flush(_PATIENCE_S)
    client.failures()
    member.close()


def _refusals(servers: str) -> None:
    options = {"bootstrap.servers": servers, "logger": _LOG}
    for wrong in ({"acks": "most"}, {"no.such": "1"}, {"acks": 1, "enable.idempotence": True}):
        with suppress(KafkaException):
            RAW["native"](options | wrong)


def _records(
    topic: str,
    *,
    value: bytes | None = b"v" * 500,
    timestamp: int = -1,
    headers: tuple[tuple[str, bytes | None], ...] = (("a", b"1"), ("b", None)),
) -> list[OutputRecord]:
    return [
        OutputRecord(topic, b"%d" % number, value, headers, timestamp) for number in range(_RECORDS)
    ]


if __name__ == "__main__":
    sys.exit(main())
