"""Bytes that were damaged on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

#: What takes the place of bytes.
_BYTES = b'{}[]",:\\0123456789eE.+-nutfals \x00\x1f\x80\xc3\xed\xa0\xff'


def damaged(chance: random.Random, value: bytes) -> bytes:
    """Some bytes replaced, lost or added."""
    found = bytearray(value)
    for _ in range(chance.randrange(1, 4)):
        if not found:
            break
        at = chance.randrange(len(found))
        kind = chance.random()
        if kind < 0.4:
            found[at] = chance.choice(_BYTES)
        elif kind < 0.6:
            del found[at]
        elif kind < 0.8:
            found.insert(at, chance.choice(_BYTES))
        elif kind < 0.9:
            del found[at : at + chance.randrange(40)]
        else:
            found[at:at] = found[at : at + chance.randrange(40)]
    return bytes(found)
