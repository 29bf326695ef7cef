"""Which visitors are audited: the same ones in every run, by a hash of their id."""

import hashlib
import re
from typing import NamedTuple

_RATE = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})")
#: Keeps the sample apart from any other use of the same hash.
_SALT = b"profiler-audit:"
_BYTES = 8


class Sample(NamedTuple):
    """So many of so many visitors.

    A visitor is in the sample where ``h * of < taken * 2^64``. ``h`` is the number that the first 8
    bytes of the SHA-256 of ``profiler-audit:<id>`` make, high byte first; the id is the event's, in
    UTF-8. So a larger rate has all visitors of a smaller one.

    Attributes:
        taken: so many ...
        of: ... of so many.
    """

    taken: int
    of: int

    def takes(self, visitor_id: str) -> bool:
        """Whether a visitor is audited."""
        digest = hashlib.sha256(_SALT + visitor_id.encode()).digest()
        return int.from_bytes(digest[:_BYTES]) * self.of < self.taken << (8 * _BYTES)

    def __str__(self) -> str:
        """As `sample_of` takes it."""
        return f"{self.taken}/{self.of}"


def sample_of(text: str) -> Sample:
    """Read a rate such as ``1/10000``.

    Raises:
        ValueError: it is none, or more than all.
    """
    found = _RATE.fullmatch(text)
    if found is None or int(found[1]) > int(found[2]):
        raise ValueError("expected so many of so many, e.g. 1/10000 or 1/1")
    return Sample(int(found[1]), int(found[2]))
