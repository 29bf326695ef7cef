"""Stored outputs, seen from outside: what a call left in the visitor's sidecar, and its removal.

What is stored there, and when it answers, is decided in ``lua/``.
"""

from collections.abc import Iterable
from typing import NamedTuple

from profiler.profiles.redis import Command


class StoredOutput(NamedTuple):
    """What one call may have left; it is of no use once its events are committed.

    Attributes:
        sidecar: the key, of the visitor's slot.
        field: of this hash: stream and last offset of the call.
    """

    sidecar: str
    field: str


def trimming(stored: Iterable[StoredOutput]) -> list[Command]:
    """The commands that remove what calls stored, one for each visitor.

    A field is removed by its name. So a late command of a caller that lost its partition removes
    what that caller committed, and nothing that the partition's new owner stored.
    """
    fields: dict[str, list[str]] = {}
    for sidecar, field in stored:
        fields.setdefault(sidecar, []).append(field)
    return [Command(sidecar, ("HDEL", sidecar, *names)) for sidecar, names in fields.items()]
