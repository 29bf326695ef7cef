"""One visitor's stored hash as a person sees it: the profile, which rules wrote it, its end."""

from typing import Any, NamedTuple

from profiler.errors import StoredStateError
from profiler.profiles.reply import Reply, ReplyDecoder
from profiler.records.types import Rejected
from profiler.rules.contract import LAYOUT

#: The state's first byte: an array of MessagePack, whose first place is the layout.
_ARRAYS = range(0x90, 0xA0)
_LAYOUTS = range(1, 0x20)

#: The second place of layout 1; in layout 2, the first byte of the second place.
_ORDERS = {"a": "arrival", "e": "event_time"}

#: Where the order is in layout 2, and behind it so many bytes of the rules version's digest.
_ORDER_AT, _DIGEST_BYTES = 5, 4

#: Texts of MessagePack.
_SHORT_TEXTS = range(0xA0, 0xC0)
_TEXT_WITH_LENGTH = 0xD9

#: A mark of a forget stands before what came since: an "f" and a time, see `lua/forget.lua`.
_FORGET, _FORGET_BYTES = b"f", 8

_DAMAGED = "{key} is damaged: its state field cannot be read"


class StoredProfile(NamedTuple):
    """A profile as its latest visit left it.

    Attributes:
        key: the Redis key.
        profile: the public fields, without the output's prefix.
        rules_version: which rules wrote it, ``…-<digest>`` where they are not the reader's; None
            for one without a state field (order arrival, which another program may have written).
        expires_at: ms since the epoch, None where it never expires or may not be asked.
    """

    key: str
    profile: dict[str, Any]
    rules_version: str | None
    expires_at: int | None

    def document(self, visitor_id: str) -> dict[str, Any]:
        """The same as one JSON object, with the id that was asked for."""
        return {"visitor": visitor_id, **self._asdict()}


class Writer(NamedTuple):
    """Rules, as the head of the state names them."""

    order: str
    rules_version: str


def writer_of(key: str, packed: bytes | None, reader: Writer) -> str | None:
    """Say which rules wrote the state that a key's field ``~`` has; None where it has none.

    Args:
        key: the visitor's.
        packed: what the field has.
        reader: the rules that it is read with.

    Raises:
        StoredStateError: rules of another order or a newer profiler wrote it, or it is damaged;
            the message says which.
    """
    if packed is not None and packed[:1] == _FORGET:
        packed = packed[_FORGET_BYTES:] or None
    if packed is None:
        return None
    writer = _read_head(key, packed, reader)
    _require_same_order(key, writer, reader)
    return writer.rules_version


def decode_stored(
    key: str, reply: Reply, rules_version: str | None, decoder: ReplyDecoder
) -> StoredProfile | None:
    """Decode the reply to a read; None for an unknown visitor.

    When it expires is not known here.

    Raises:
        StoredStateError: another program wrote the hash, or its state is damaged.
    """
    if isinstance(reply, Rejected):
        if rules_version is None:
            raise StoredStateError(f"{key} has no state field: another program wrote this hash")
        raise StoredStateError(_DAMAGED.format(key=key))
    profile = decoder.stored(reply)
    return None if profile is None else StoredProfile(key, profile, rules_version, None)


def _require_same_order(key: str, writer: Writer, reader: Writer) -> None:
    if writer.order != reader.order:
        raise StoredStateError(
            f"{key} was written by rules {writer.rules_version} (order {writer.order}), and these"
            f" are {reader.rules_version} (order {reader.order}): name the rules that wrote it"
            " with --rules",
            is_foreign=True,
        )


def _read_head(key: str, packed: bytes, reader: Writer) -> Writer:
    """Read the head of the state and nothing behind it: the rest is the script's own affair."""
    try:
        layout = packed[1] if packed[0] in _ARRAYS else packed[0]
        if layout in _LAYOUTS and layout > LAYOUT:
            raise StoredStateError(
                f"{key} was written by a newer profiler (layout {layout}, this one knows {LAYOUT}):"
                " update this one",
                is_foreign=True,
            )
        is_first = packed[0] in _ARRAYS and layout == 1
        return _read_layout_1(packed) if is_first else _read_layout_2(packed, reader)
    except (IndexError, KeyError, ValueError) as error:
        raise StoredStateError(_DAMAGED.format(key=key)) from error


def _read_layout_2(packed: bytes, reader: Writer) -> Writer:
    order = packed[_ORDER_AT : _ORDER_AT + 1]
    digest = packed[_ORDER_AT + 1 : _ORDER_AT + 1 + _DIGEST_BYTES].hex()
    if packed[0] not in _ARRAYS or packed[1] != LAYOUT or len(digest) < 2 * _DIGEST_BYTES:
        raise ValueError("no head")
    is_ours = reader.rules_version.endswith(f"-{digest}")
    return Writer(_ORDERS[order.decode()], reader.rules_version if is_ours else f"…-{digest}")


def _read_layout_1(packed: bytes) -> Writer:
    order, end = _text_at(packed, 2)
    rules_version, _ = _text_at(packed, end)
    return Writer(_ORDERS[order], rules_version)


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
