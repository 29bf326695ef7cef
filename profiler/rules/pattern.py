r"""Patterns of predicates: a subset that is the same in every language and cannot blow up.

A pattern is a whole text: characters that stand for themselves, ``*`` for any text, ``?`` for one
character, ``[a-z_]`` for one of these, ``[!a-z_]`` for one of all others, and ``+`` behind a class
for one or more. A ``\`` takes its meaning from the character behind it. It is divided at its stars
into pieces. Each piece is looked for behind the piece before. Since a piece is found at its first
place or nowhere, nothing is ever tried twice.
"""

import string
from collections.abc import Iterator
from typing import NamedTuple

_MOST_CHARACTERS, _MOST_STARS, _MOST_CLASSES = 256, 16, 32

_ASCII = frozenset(map(chr, range(128)))
#: In a set of characters all that are not ASCII.
_FAR = "far"
_ALL = _ASCII | {_FAR}

#: Of UTF-8: the bytes that are no character's first one.
_FOLLOWING = b"\x80-\xbf"


class _Element(NamedTuple):
    """One place of a piece.

    Attributes:
        characters: which may stand there.
        one: how Lua says so.
        many: the same for one or more; of a class only.
        repeats: whether more than one may.
    """

    characters: frozenset[str]
    one: bytes
    many: bytes = b""
    repeats: bool = False

    @property
    def lua(self) -> bytes:
        """The pattern of Lua."""
        return self.many if self.repeats else self.one


def pieces_of(pattern: str) -> list[bytes]:
    """The pieces as patterns of Lua, which a text has in turn.

    Raises:
        ValueError: the text is no pattern, or one that could take long.
    """
    if len(pattern) > _MOST_CHARACTERS:
        raise ValueError(f"a pattern has at most {_MOST_CHARACTERS} characters")
    pieces: list[list[_Element]] = [[]]
    for element in _elements(iter(pattern)):
        if element is None:
            pieces.append([])
        else:
            pieces[-1].append(element)
    _hold_to_limits(pieces)
    if len(pieces) > 1 and pieces[0]:
        # One is enough before a star, which takes more of them, or leaves them to the next piece.
        pieces[0][-1] = pieces[0][-1]._replace(repeats=False)
    found = [b"".join(element.lua for element in piece) for piece in pieces]
    found[0] = b"^" + found[0]
    found[-1] += b"$"
    return [piece for piece in found if piece not in {b"", b"^", b"$"}]


def _hold_to_limits(pieces: list[list[_Element]]) -> None:
    everything = [element for piece in pieces for element in piece]
    if not everything:
        raise ValueError("a pattern of stars alone: say `present = true`")
    if len(pieces) > _MOST_STARS + 1:
        raise ValueError(f"a pattern has at most {_MOST_STARS} stars")
    if sum(len(element.characters) > 1 for element in everything) > _MOST_CLASSES:
        raise ValueError(f"a pattern has at most {_MOST_CLASSES} of ? and [ ]")
    if any(element.repeats for piece in pieces[1:] for element in piece):
        raise ValueError("+ stands before the first star only")
    for element, following in zip(pieces[0], pieces[0][1:], strict=False):
        if element.repeats and element.characters & following.characters:
            raise ValueError("what stands behind a + must not be in its class")


def _elements(rest: Iterator[str]) -> Iterator[_Element | None]:
    """The places of a pattern; None for a star."""
    held: _Element | None = None
    for character in rest:
        if held is not None:
            yield held._replace(repeats=character == "+")
            if character == "+":
                held = None
                continue
            held = None
        if character == "*":
            yield None
        elif character == "?":
            yield _others(b"")
        elif character == "[":
            held = _class(rest)
        else:
            yield _literal(_escaped(rest) if character == "\\" else character)
    if held is not None:
        yield held


def _others(lua: bytes, characters: frozenset[str] = frozenset()) -> _Element:
    """All characters but these. A character begins with a byte that follows none."""
    first = b"[^" + lua + _FOLLOWING + b"]"
    return _Element(
        _ALL - characters, first + b"[" + _FOLLOWING + b"]*", first + b"[^" + lua + b"]*"
    )


def _escaped(rest: Iterator[str]) -> str:
    character = next(rest, None)
    if character is None:
        raise ValueError("a pattern ends with a \\")
    return character


def _literal(character: str) -> _Element:
    characters = frozenset(character if character in _ASCII else [_FAR])
    return _Element(characters, _quoted(character))


def _quoted(character: str) -> bytes:
    """As a pattern of Lua has a character that stands for itself."""
    if character == "\0":
        return b"%z"
    return b"%" * (character in string.punctuation) + character.encode()


def _class(rest: Iterator[str]) -> _Element:
    """What stands in brackets."""
    members: list[tuple[str, bool]] = []
    for character in rest:
        if character == "]":
            break
        members.append((_escaped(rest), True) if character == "\\" else (character, False))
    else:
        raise ValueError("a [ without a ]")
    is_other = members[:1] == [("!", False)]
    if members[:1] == [("^", False)]:
        raise ValueError("write [!…] for all others, or [\\^…] for the character")
    characters, lua = _members(members[is_other:])
    if is_other:
        return _others(lua, frozenset(characters))
    return _Element(frozenset(characters), b"[" + lua + b"]", b"[" + lua + b"]+")


def _members(members: list[tuple[str, bool]]) -> tuple[set[str], bytes]:
    if not members:
        raise ValueError("a class of no character")
    characters: set[str] = set()
    lua = b""
    while members:
        (first, _), *members = members
        if first not in _ASCII:
            raise ValueError("a class has ASCII characters only")
        if members[:1] == [("-", False)] and len(members) > 1:
            last, members = members[1][0], members[2:]
            kinds = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
            if first > last or not any(first in kind and last in kind for kind in kinds):
                raise ValueError(f"{first}-{last} is no range of digits or letters of one case")
            characters |= set(map(chr, range(ord(first), ord(last) + 1)))
            lua += f"{first}-{last}".encode()
        else:
            characters.add(first)
            lua += _quoted(first)
    return characters, lua


def checked(pattern: str) -> str:
    """The pattern, if it is one.

    Raises:
        ValueError: see `pieces_of`.
    """
    pieces_of(pattern)
    return pattern
