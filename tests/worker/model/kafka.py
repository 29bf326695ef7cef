"""Kafka in the model: two partitions, one group, and transactions that are atomic."""

from collections.abc import Mapping
from random import Random

from tests.worker.model.store import Answer, Place

PARTITIONS = 2
VISITORS = ("on both", "on both too", "on the first", "on the second")


class RefusedError(Exception):
    """The transaction has no effect, or its answer was lost."""


class Kafka:
    """Records, the group's offsets and generation, and the outputs that readers see."""

    def __init__(self, random: Random, *, most_records: int) -> None:
        self._random = random
        #: The visitor of each record, by partition and offset.
        self.logs = [
            [
                random.choice((*VISITORS[:2], VISITORS[2 + number]))
                for _ in range(random.randint(most_records // 4, most_records))
            ]
            for number in range(PARTITIONS)
        ]
        self.committed: dict[int, int] = {}
        self.outputs: dict[Place, list[Answer]] = {}
        self.generation = 0
        #: By member; a partition has one owner in each generation.
        self.owned: dict[int, list[int]] = {}

    @property
    def is_done(self) -> bool:
        """Whether everything is committed."""
        return all(self.committed.get(n, 0) == len(log) for n, log in enumerate(self.logs))

    def share_out(self, members: list[int]) -> None:
        """Begin a generation."""
        self.generation += 1
        self.owned = {member: [] for member in members}
        for number in range(PARTITIONS):
            self.owned[self._random.choice(members)].append(number)

    def join(self, member: int) -> None:
        """Take part; who is a member already stays."""
        if member not in self.owned:
            self.share_out([*self.owned, member])

    def commit(
        self,
        member: int,
        generation: int,
        offsets: Mapping[int, int],
        outputs: Mapping[Place, Answer],
        *,
        fails: bool,
    ) -> None:
        """Commit a transaction.

        Args:
            member: who does.
            generation: in which its records were polled.
            offsets: by partition.
            outputs: by the place of their input.
            fails: raise; in half of the cases the transaction is committed nevertheless.

        Raises:
            RefusedError: the member has another generation by now; or as asked for.
        """
        if generation != self.generation or member not in self.owned:
            raise RefusedError("another generation")
        if fails and self._random.random() < 0.5:
            raise RefusedError("no answer, and no effect")
        self.committed.update(offsets)
        for place, answer in outputs.items():
            self.outputs.setdefault(place, []).append(answer)
        if fails:
            raise RefusedError("no answer")
