"""Batches under way, in the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.worker.model.store import Answer, Place


class Void:
    """Set when all batches that have it came to nothing."""

    def __init__(self) -> None:
        self.is_set = False


class Flight:
    """A batch: the visitors of its records by place, in order, and what became of it.

    Args:
        records: at least one.
        generation: in which they were polled.
        before: the batch that was added before it.
        void: of this batch and of all that are added until the worker starts over.
        is_repair: whether it has no outputs.
    """

    def __init__(
        self,
        records: dict[Place, str],
        *,
        generation: int,
        before: Flight | None,
        void: Void,
        is_repair: bool,
    ) -> None:
        self.records = records
        self.generation = generation
        self.before = before
        self.void = void
        self.is_repair = is_repair
        self.is_applied = self.is_produced = self.is_failed = False
        self.answers: dict[Place, Answer] = {}
        #: The first offset of each stream, and the one behind the last.
        self.spans: dict[int, tuple[int, int]] = {}
        for stream, offset in records:
            first, _ = self.spans.get(stream, (offset, 0))
            self.spans[stream] = first, offset + 1

    @property
    def has_left(self) -> bool:
        """Whether every stage is done with it."""
        return self.is_produced or self.is_failed
