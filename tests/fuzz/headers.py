"""Headers at random: of producers, and those that say where a record was first read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from profiler.records.types import Headers

#: Values of headers that say where a record was first read, some of them not as they must be.
_SOURCES: tuple[tuple[str, tuple[bytes | None, ...]], ...] = (
    ("source-topic", (b"t", b"t", b"t", b"", None, b"\xff", b"other topic")),
    ("source-partition", (b"0", b"7", b"7", b"-1", b"", None, b"0" * 20)),
    ("source-offset", (b"0", b"7", b"9" * 19, b"x", b" 1", None, "²".encode())),
)
_HEADERS: Headers = (
    *(("trace", b"1"), ("", b""), ("x", None), ("é", b"\xff"), ("\udcff", b"1"), ("a\udc80", None)),
    *(("source-timestamp", b"5"), ("source-topic", b"t"), ("source-offset", b"9")),
    *(("error-code", b"bad_json"), ("value-bytes", b"1"), ("large", b"x" * 3_000)),
)


def any_headers(chance: random.Random) -> Headers:
    """At least one, some of them not as they must be."""
    if chance.random() < 0.5:
        odd = chance.random() < 0.5
        named = [(name, chance.choice(v if odd else v[:3])) for name, v in _SOURCES]
        return (*named, *chance.choices(_HEADERS, k=chance.randrange(3)))
    return tuple(chance.choices(_HEADERS, k=chance.randrange(1, 5)))
