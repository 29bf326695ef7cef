"""Bytes for people: their numbers beside what they look like."""

from collections.abc import Iterator

_A_LINE = 16


def hex_lines(raw: bytes) -> Iterator[str]:
    """A line for each 16 bytes: place, hexadecimal, text; all but printable ASCII is a point."""
    for at in range(0, len(raw), _A_LINE):
        part = raw[at : at + _A_LINE]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)  # noqa: PLR2004 - ASCII
        yield f"{at:08x}  {part.hex(' '):{3 * _A_LINE - 1}}  {text}"
