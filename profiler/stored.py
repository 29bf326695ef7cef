"""One visitor's stored hash as a person sees it: the profile, which rules wrote it, its end."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from profiler.contract import LAYOUT, STATE_FIELD
from profiler.errors import StoredStateError
from profiler.reply import ReplyDecoder
from profiler.rules import Rules

#: MessagePack's marks, as far as the head of the state needs them; docs/data-model.md has the rest.
_ARRAYS = range(0x90, 0xA0)
_LARGEST_SHORT_NUMBER = 0x7F
_SHORT_TEXTS = range(0xA0, 0xC0)
_TEXT_WITH_LENGTH = 0xD9


class StoredProfile(NamedTuple):
    """A profile as its latest visit left it.

    Attributes:
        key: the Redis key.
        profile: the public fields, without the output's prefix.
        rules_version: which rules wrote it; None for one without a state field (order arrival,
            written by callers that name no stream).
        expires_at: ms since the epoch, None where it never expires or may not be asked.
    """

    key: str
    profile: dict[str, Any]
    rules_version: str | None
    expires_at: int | None


class _Writer(NamedTuple):
    """The second and third place of packed state."""

    order: str
    rules_version: str


def decode_stored(
    key: str, found: Mapping[bytes | str, bytes | str], rules: Rules, decoder: ReplyDecoder
) -> StoredProfile:
    """Decode a hash that is not empty; when it expires is not known here.

    Raises:
        StoredStateError: other rules, a newer profiler or another program wrote it, or it is
            damaged; the message says which.
    """
    packed = found.get(STATE_FIELD.encode())
    if packed is None and rules.order == "event_time":
        raise StoredStateError(f"{key} has no state field: another program wrote this hash")
    writer = None
    if isinstance(packed, bytes):
        writer = _writer_of(key, packed)
        _require_same_order(key, writer, rules)
    try:
        profile = decoder.stored(found)
    except ValueError as error:
        raise StoredStateError(f"{key} is damaged: a field that counts holds no number") from error
    return StoredProfile(key, profile, writer and writer.rules_version, None)


def _require_same_order(key: str, writer: _Writer, rules: Rules) -> None:
    if writer.order != rules.order:
        raise StoredStateError(
            f"{key} was written by rules {writer.rules_version} (order {writer.order}), and these"
            f" are {rules.version} (order {rules.order}): name the others with --rules"
        )


def _writer_of(key: str, packed: bytes) -> _Writer:
    """Read the head of the state and nothing behind it: the rest is the script's own affair."""
    damaged = f"{key} is damaged: its state field cannot be read"
    if len(packed) < 2 or packed[0] not in _ARRAYS:  # noqa: PLR2004 - the mark and the layout
        raise StoredStateError(damaged)
    layout = packed[1]
    if LAYOUT < layout <= _LARGEST_SHORT_NUMBER:
        raise StoredStateError(
            f"{key} was written by a newer profiler (layout {layout}, this one knows {LAYOUT}):"
            " update this one"
        )
    try:
        order, end = _text_at(packed, 2)
        rules_version, _ = _text_at(packed, end)
    except (IndexError, ValueError) as error:
        raise StoredStateError(damaged) from error
    return _Writer(order, rules_version)


def _text_at(packed: bytes, at: int) -> tuple[str, int]:
    """A text, and the place behind it."""
    mark = packed[at]
    if mark in _SHORT_TEXTS:
        start, length = at + 1, mark - _SHORT_TEXTS.start
    elif mark == _TEXT_WITH_LENGTH:
        start, length = at + 2, packed[at + 1]
    else:
        raise ValueError("no text")
    end = start + length
    if end > len(packed):
        raise ValueError("cut off")
    return packed[start:end].decode(), end
