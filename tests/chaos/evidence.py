"""What a row leaves behind: outputs, commits, profiles; gathered for the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.oracle import judge
from tests.integration.pipeline_runs import stored_profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.chaos.observer import Observer
    from tests.chaos.places import Input, Output
    from tests.chaos.stores import Stores
    from tests.chaos.verdict import Allowance, Verdict

#: Of the output topics.
ROLES = ("flattened", "persisted", "rejected", "triggers")


class Evidence:
    """Of one row, or of a soak's rounds one after the other.

    Args:
        observer: reads Kafka.
        topics: names of the output topics by their roles.
        stores: Redis.
        key_prefix: of the visitors' keys.

    Attributes:
        resets: partitions and offsets to which an operator went back; that is no fault.
    """

    def __init__(
        self, observer: Observer, topics: Mapping[str, str], stores: Stores, key_prefix: str
    ) -> None:
        self._observer, self._topics = observer, topics
        self._stores, self._key_prefix = stores, key_prefix
        self._outputs: list[Output] = []
        self._incarnation = 0
        #: By incarnation and partition.
        self._commits: dict[tuple[int, int], list[int]] = {}
        self.resets: list[tuple[int, int]] = []

    def begin_topic_anew(self) -> None:
        """Say that all outputs and commits so far are of the old input topic."""
        self._gather()
        self._observer.forget_commits()
        self._incarnation += 1

    def verdict(self, inputs: Sequence[Input], allowed: Allowance) -> Verdict:
        """Judge these inputs by all that is new since the last verdict."""
        self._gather()
        outputs, self._outputs = self._outputs, []
        commits, self._commits = self._commits, {}
        url, prefix = self._stores.oracle_url, self._key_prefix
        return judge(
            inputs,
            outputs,
            lambda visitor: stored_profile(url, prefix, visitor),
            commits=commits,
            allowed=allowed,
        )

    def _gather(self) -> None:
        self._outputs += self._observer.new_outputs(self._topics, self._incarnation)
        for partition, offsets in self._observer.new_commits().items():
            self._commits[self._incarnation, partition] = self._honest(partition, offsets)

    def _honest(self, partition: int, offsets: Sequence[int]) -> list[int]:
        """The commits, from the last step on that an operator made back."""
        kept: list[int] = []
        for offset in offsets:
            if kept and offset < kept[-1] and (partition, offset) in self.resets:
                self.resets.remove((partition, offset))
                kept.clear()
            kept.append(offset)
        return kept
