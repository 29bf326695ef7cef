"""Halves of a character in JSON text: what a tracker leaves that cuts a title inside an emoji.

JSON may escape such a half, UTF-8 has no bytes for it, and parsers refuse it. As browsers and most
of the field do, it becomes U+FFFD.
"""

import re

#: Every escape of a JSON text: a whole pair, or a half (the group), or anything else. So no escaped
#: backslash before a "u" is taken for one.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|.)",
    re.DOTALL,
)


def mend_surrogates(value: bytes) -> tuple[bytes, int]:
    r"""Put ``\ufffd`` in the place of every half that stands alone.

    Args:
        value: JSON text, or anything else. It is read once, so ask only where a parser refused it.

    Returns:
        The text, as long as before, and how many halves there were.
    """
    halves = 0

    def mended(escape: re.Match[bytes]) -> bytes:
        nonlocal halves
        if escape[1] is None:
            return escape[0]
        halves += 1
        return rb"\ufffd"

    return _ESCAPE.sub(mended, value), halves
