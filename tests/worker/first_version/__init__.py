"""The first version's script of `standard`, as release 0.1 rendered it, and its rules (573c412).

`FirstVersion` calls it as that version's worker did, on the broker in memory.
"""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import redis

from profiler.profiles.keys import key_of
from profiler.records.flatten import decode_processed
from profiler.records.json_objects import Limits
from profiler.records.types import Record
from tests.oracles.article import EVENT_TYPE, PAGE, VISIT, VISITOR
from tests.oracles.events import EVENT_ID, EVENT_TIME
from tests.worker.deployment import MemoryDeployment

SCRIPT = Path(__file__).with_name("standard.lua")
RULES = Path(__file__).with_name("standard.toml")


class FirstVersion:
    """What its worker did with a deployment's records; nothing leaves but profiles and offsets."""

    def __init__(self, deployment: MemoryDeployment) -> None:
        self._deployment = deployment

    def work_off(self) -> None:
        """Fold all records behind the committed offsets, and commit.

        Raises:
            redis.ResponseError: the script refused a call; nothing is committed.
        """
        committed = self._deployment.committed()
        read = self._deployment.read("processed")
        self.fold(each for each in read if each.offset >= committed.get(each.partition, 0))
        self.commit(self._deployment.ends("processed"))

    def commit(self, offsets: dict[int, int]) -> None:
        """Set the group's offsets, by partition."""
        topic = self._deployment.topics["processed"]
        self._deployment.broker.alter_committed(
            self._deployment.groups["run"],
            {(topic, partition): offset for partition, offset in offsets.items()},
        )

    def fold(self, records: Iterable[Record]) -> None:
        """Fold records without committing."""
        with closing(redis.Redis.from_url(self._deployment.redis_url)) as client:
            script = client.register_script(SCRIPT.read_text("utf-8"))
            for topic, partition, offset, timestamp, _, value, _ in records:
                fields = decode_processed(value or b"", Limits())
                if not (visitor := fields.get(VISITOR)):
                    continue
                inputs = [EVENT_TIME, EVENT_ID, VISIT, EVENT_TYPE, PAGE]
                script(
                    [key_of(self._deployment.key_prefix + "{<id>}", visitor)],
                    [
                        *(visitor, f"0:{topic}:{partition}", "", offset, timestamp),
                        *(fields.get(name, "") for name in inputs),
                    ],
                )
