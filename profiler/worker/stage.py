"""What the stages of the worker have in common: one verb, one thread, batches in order."""

from abc import ABC, abstractmethod
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any, ClassVar, Generic, TypeVar

from profiler.errors import VoidBatchError

Taken = TypeVar("Taken")
Made = TypeVar("Made")


class Stage(ABC, Generic[Taken, Made]):
    """Does one thing with every batch, in a thread of its own.

    A batch enters when the batch before it has left this stage well. So a batch that fails takes
    with it all that follow. What a stage needs from batch to batch, only its own thread touches.
    """

    verb: ClassVar[str]

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=self.verb)

    @abstractmethod
    def enter(self, taken: Future[Taken], before: Future[Made] | None, void: Event) -> Future[Made]:
        """Queue a batch.

        Args:
            taken: what the stage before makes of it.
            before: this stage's work on the batch before; None for the first one.
            void: set when the batch has come to nothing, so that no attempt is worth making.

        Returns:
            What this stage makes of it. It fails as `taken` or `before` does.
        """

    def close(self, *, wait: bool) -> None:
        """End the thread; `wait` for what it is at."""
        self._thread.shutdown(wait=wait)

    def _awaited(self, taken: Future[Taken], before: Future[Made] | None, void: Event) -> Taken:
        """Wait until a batch may enter; the arguments are the same as for `enter`."""
        made_of = taken.result()
        if before is not None:
            before.result()
        if void.is_set():
            raise VoidBatchError(f"given up before the stage that would {self.verb} it")
        return made_of


class OneByOne(Stage[Taken, Made]):
    """A stage that has one batch in hand at a time."""

    @abstractmethod
    def work(self, taken: Taken, void: Event) -> Made:
        """Do it; blocks for as long as it takes.

        Args:
            taken: what the stage before made of the batch.
            void: as in `enter`.
        """

    def enter(self, taken: Future[Taken], before: Future[Made] | None, void: Event) -> Future[Made]:
        """See `Stage.enter`."""
        return self._thread.submit(lambda: self.work(self._awaited(taken, before, void), void))


def has_succeeded(work: Future[Any]) -> bool:
    """Whether a stage's work came to its end, and well."""
    return work.done() and work.exception() is None
