"""Where an input lies, and what is known of inputs and outputs by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.chaos.traffic import Event


class Place(NamedTuple):
    """Where an input lies.

    Attributes:
        incarnation: how often the input topic was made anew before.
        partition: its number.
        offset: in the partition.
    """

    incarnation: int
    partition: int
    offset: int

    @property
    def stream(self) -> tuple[int, int]:
        """What gives offsets their order."""
        return self.incarnation, self.partition


class Input(NamedTuple):
    """What was put in, and where it lies."""

    place: Place
    event: Event


class Output(NamedTuple):
    """What came out.

    Attributes:
        topic: its role: ``flattened``, ``persisted``, ``rejected`` or ``triggers``.
        place: of the input that it names in its headers; None where it names none.
        value: of the record.
    """

    topic: str
    place: Place | None
    value: bytes
