"""Whether a text matches a pattern: by the set of all places that the pattern can have come to.

Slow, and it tries everything at once. Nothing is shared with the code under test.
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: A class, an escaped character, or any character, and perhaps a plus behind a class.
TOKEN = re.compile(r"\[(!?)((?:\\.|[^\]\\])+)\](\+?)|\\(.)|(.)", re.DOTALL)
MEMBER = re.compile(r"\\(.)|(.)-(.)|(.)", re.DOTALL)


class Place(NamedTuple):
    """One place of a pattern.

    Attributes:
        characters: that may stand there; None for any.
        is_other: whether all but these may.
        least: how many must stand there.
        is_many: whether more may.
    """

    characters: set[str] | None
    is_other: bool = False
    least: int = 1
    is_many: bool = False

    def takes(self, character: str) -> bool:
        """Whether it may stand there."""
        return self.characters is None or (character in self.characters) != self.is_other


def places_of(pattern: str) -> list[Place]:
    """Take a pattern apart."""
    found = []
    for other, members, plus, escaped, plain in TOKEN.findall(pattern):
        if members:
            found.append(Place(members_of(members), other == "!", 1, plus == "+"))
        elif plain == "*":
            found.append(Place(None, least=0, is_many=True))
        else:
            found.append(Place(None if plain == "?" else {escaped or plain}))
    return found


def members_of(members: str) -> set[str]:
    """List the characters of a class."""
    found: set[str] = set()
    for escaped, first, last, plain in MEMBER.findall(members):
        found |= {escaped or plain} - {""}
        found |= {chr(code) for code in range(ord(first), ord(last) + 1)} if first else set()
    return found


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches."""
    places = places_of(pattern)

    def reached(at: set[int]) -> set[int]:
        """Add what is reached without a character."""
        for number, place in enumerate(places):
            if number in at and not place.least:
                at = at | {number + 1}
        return at

    at = reached({0})
    for character in text:
        taken = {n for n in at if n < len(places) and places[n].takes(character)}
        stays = {n for n in taken if places[n].is_many}
        at = reached({n + 1 for n in taken if places[n].least} | stays)
    return len(places) in at
