"""Whose event it is: the ids of a flattened event, as the rules name them."""

from collections.abc import Iterable
from typing import Any

from profiler.errors import InvalidRecordError
from profiler.rules.identity import Identity


class Ids:
    """Reads the ids of events; holds names and nothing that changes.

    An id is a string as it is, or an integer as decimal text. An id that stands for nobody is
    absent, and an absent id is the empty text.

    Args:
        identity: names the fields, and the texts that stand for nobody.
        max_id_bytes: a longer visitor or visit id is a dead letter (``bad_id``).
    """

    def __init__(self, identity: Identity, *, max_id_bytes: int) -> None:
        self._visitor = identity.visitor
        self._visit = identity.visit
        self._event = identity.event_id
        nobody = Nobody(identity.nobody)
        self._is_nobody, self._suspect = nobody.includes, nobody.beginnings
        self._max_id_bytes = max_id_bytes

    def visitor(self, fields: dict[str, Any]) -> str:
        """The first visitor id that is present.

        Raises:
            InvalidRecordError: ``bad_id``, where an id before it, or it, is of another type or
                too long.
        """
        for name in self._visitor:
            if found := self._checked(fields.get(name), "visitor"):
                return found
        return ""

    def visit(self, fields: dict[str, Any]) -> str:
        """The visit id, where the rules name one. Raises as `visitor` does."""
        return self._checked(fields.get(self._visit), "visit") if self._visit else ""

    def event(self, fields: dict[str, Any]) -> str:
        """The event id; one of another type is absent."""
        value = fields.get(self._event) if self._event else None
        found = value if type(value) is str else text_of(value)
        return "" if found[:1] in self._suspect and self._is_nobody(found) else found

    def _checked(self, value: object, whose: str) -> str:
        if type(value) is str:
            text = value
        elif value is None:
            return ""
        elif type(value) is int:  # and no boolean
            text = str(value)
        else:
            raise InvalidRecordError("bad_id", f"the {whose} id is neither a string nor an integer")
        longest = self._max_id_bytes
        if len(text) > longest or (not text.isascii() and len(text.encode()) > longest):
            raise InvalidRecordError("bad_id", f"the {whose} id is longer than {longest} bytes")
        return "" if text[:1] in self._suspect and self._is_nobody(text) else text


class Nobody:
    """Texts that trackers write in the place of an id that they do not have.

    Args:
        texts: in any case; a text of zeros alone means so many zeros or more.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = frozenset(text.lower() for text in texts)
        self._longest = max(map(len, self._texts), default=0)
        zeros = [len(text) for text in self._texts if not text.strip("0")]
        self._zeros = min(zeros, default=0)
        #: First characters of them, so that most ids need no further look.
        self.beginnings = frozenset(
            first for text in self._texts for first in (text[0].lower(), text[0].upper())
        )

    def includes(self, text: str) -> bool:
        """Whether an id is one of these texts."""
        if len(text) <= self._longest and text.lower() in self._texts:
            return True
        return bool(self._zeros) and len(text) > self._zeros and not text.strip("0")


def text_of(value: object) -> str:
    """A string as it is, an integer as decimal text; everything else is absent."""
    if type(value) is str:
        return value
    return str(value) if type(value) is int else ""
