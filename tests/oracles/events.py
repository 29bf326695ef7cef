"""What the oracle takes from an event: its identity, its time, and what it gives each field."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from time import gmtime
from typing import TYPE_CHECKING, Any

from tests.oracles.article import VISIT, id_of, text_of
from tests.oracles.shape import DAY, LEAN, LISTS, TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.oracles.shape import Field, Shape

EVENT_ID = "query-other_event_id"
EVENT_TIME = "query-other_dvce_created_tstamp"
SENT = "query-other_dvce_sent_tstamp"
#: The received time as a caller spelled it, where that is not as a worker does.
SPELLED = "received, as it was spelled"

IDENTITY_BYTES = 6  # of the SHA-1; an id of so many bytes stands for itself
MAX_TIME_DIGITS = 15
QUARTER_MS = 900_000
EARLIEST_MS = 94_694_400_000  # a time before 1973 is none
MAX_DIGITS = 15  # of a number
LARGEST = 2**53 - 1  # of a larger one nobody knows whether it is exact
LISTED_BYTES = 255  # of a text in a list
#: What takes a text of an event of which no time is known.
HASHED = {"unique_count", "engaged_time"}
WITHOUT_TIME = {"unique_count", "counts", "most_frequent"}
NUMBER = re.compile(r"-?[0-9]+(?:\.([0-9]{1,4}))?")


@dataclass(frozen=True)
class Event:
    """What the fold needs of one event.

    Attributes:
        visit: its id.
        time: ms, None where nothing says when it happened.
        created: ms by its device, -1 where the device does not say.
        identity: `IDENTITY_BYTES`, None where it can never be a repeat.
        gives: by the names of the fields that take something: a text, a number (scaled), a time.
        was_cut: whether a text that is taken was too long.
        has_bad_number: whether an input that fields take as a number is none for one of them.
        is_time_corrected: whether its time is not the one its device wrote.
    """

    visit: str | None
    time: int | None
    created: int
    identity: bytes | None
    gives: dict[str, Any]
    was_cut: bool
    has_bad_number: bool
    is_time_corrected: bool

    def touch_place(self, texts: Sequence[str]) -> tuple[int, int, bytes]:
        """Where it stands among the events that give a touch: each text behind its length."""
        rows = b"".join(bytes([len(raw_of(text))]) + raw_of(text) for text in texts)
        return -1 if self.time is None else self.time, self.created, rows

    def place(self, text: str) -> tuple[int, int, bytes]:
        """Where it stands among the events that give a text; without a time before all others."""
        return -1 if self.time is None else self.time, self.created, raw_of(text)


def read_event(flat: dict[str, Any], received: int | None, shape: Shape = LEAN) -> Event:
    """Take from a flattened event what the fold needs."""
    visit = id_of(flat, VISIT)
    own = text_of(flat, EVENT_TIME) or ""
    created, sent = digits(own), digits(text_of(flat, SENT) or "")
    time = time_of(created, sent, received, shape)
    gives: dict[str, Any] = {}
    was_cut = has_bad_number = False
    for field in shape.fields:
        text = taken_of(flat, field.value, time) or field.otherwise or None
        # What is no number is said of the event, whether or not a rule takes it.
        has_bad_number |= (
            field.decimals is not None and text is not None and scaled(text, field) is None
        )
        if not field.when(flat):
            continue
        if field.decimals is None and text is not None and field.operation not in HASHED:
            shown = cut(text, LISTED_BYTES if field.operation in LISTS else shape.value_bytes)
            was_cut |= shown != text
            text = shown
        if field.values:
            texts = [taken_of(flat, name, time) or "" for _, name in field.values]
            given: Any = touch_of(field, texts, time)
            was_cut |= given is not None and list(given) != texts
        else:
            given = given_by(field, text or "", time)
        if given is not None:
            gives[field.name] = given
    return Event(
        visit=visit,
        time=time,
        created=-1 if created is None else created,
        identity=identity_of(
            flat, own if created is not None else flat.get(SPELLED, received), shape
        ),
        gives=gives,
        was_cut=was_cut,
        has_bad_number=has_bad_number,
        is_time_corrected=time is None or (own != "" and time != created),
    )


def taken_of(flat: dict[str, Any], value: str | tuple[str, ...], ms: int | None) -> str | None:
    """Return the first of several texts that the event has."""
    if value == DAY:
        return None if ms is None else day_of(ms)
    names = (value,) if isinstance(value, str) else value
    return next((text for name in names if (text := text_of(flat, name)) is not None), None)


def day_of(ms: int) -> str:
    """Return a time's day; the C library knows years beyond 9999."""
    day = gmtime(ms // 1_000)
    return f"{day.tm_year:04d}-{day.tm_mon:02d}-{day.tm_mday:02d}"


def touch_of(field: Field, texts: Sequence[str], time: int | None) -> tuple[str, ...] | None:
    """Return what an event gives a touch: its texts, taken whole."""
    is_direct = field.which == "last_non_direct" and not any(texts)
    return None if time is None or is_direct else tuple(cut(t, LISTED_BYTES) for t in texts)


def given_by(field: Field, text: str, time: int | None) -> str | int | None:
    """Return what an event gives a field that takes it; None where it has nothing to give."""
    if field.operation == "count":
        return 1
    if field.value == TIME:
        return time
    if field.decimals is not None:
        return scaled(text, field)
    return text if text and (time is not None or field.operation in WITHOUT_TIME) else None


def digits(text: str) -> int | None:
    """Return a time that is written as it must be, None for every other text."""
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_TIME_DIGITS
    return int(text) if is_number else None


def time_of(
    created: int | None, sent: int | None, received: int | None, shape: Shape = LEAN
) -> int | None:
    """Return when the event happened, as far as its three times say."""
    if created is None:
        return received
    if received is None:
        return created if created >= EARLIEST_MS else None
    time = created
    if sent is not None:
        time += clock_error(received - sent)
        if EARLIEST_MS <= time <= received + shape.skew_ms:
            return time
    return min(max(time, received - shape.age_ms), received + shape.skew_ms)


def clock_error(offset: int) -> int:
    """Return an offset in quarter hours; less than three of them are the network's delay."""
    return (
        0 if abs(offset) < 3 * QUARTER_MS else (offset + QUARTER_MS // 2) // QUARTER_MS * QUARTER_MS
    )


def identity_of(flat: dict[str, Any], when: object, shape: Shape) -> bytes | None:
    """Return what recognises the event; `when` is its own time or the received one."""
    event_id = text_of(flat, EVENT_ID)
    if event_id is not None:
        return short(event_id)
    if when is None:
        return None
    parts = [str(when), text_of(flat, VISIT), *(text_of(flat, name) for name in shape.inputs)]
    content = "".join(f"{len(raw_of(part or ''))}:{part or ''}" for part in parts)
    return bytes.fromhex(digest_of(content))


def short(text: str) -> bytes:
    """Return the bytes that stand for an id."""
    raw = raw_of(text)
    return raw if len(raw) == IDENTITY_BYTES else bytes.fromhex(digest_of(text))


def digest_of(text: str) -> str:
    """Return the beginning of a text's SHA-1, in hexadecimal digits."""
    digest = hashlib.sha1(raw_of(text), usedforsecurity=False)
    return digest.hexdigest()[: 2 * IDENTITY_BYTES]


def raw_of(text: str) -> bytes:
    """Return a text's bytes, which need be no UTF-8."""
    return text.encode(errors="surrogateescape")


def scaled(text: str, field: Field) -> int | None:
    """Return a number times 10 to the field's decimals, None for what is none."""
    found = NUMBER.fullmatch(text)
    if found is None or field.decimals is None:
        return None
    decimals = found[1] or ""
    significant = text.lstrip("-").replace(".", "").lstrip("0")
    if len(decimals) > field.decimals or len(significant) > MAX_DIGITS:
        return None
    number = int(text.replace(".", "") + "0" * (field.decimals - len(decimals)))
    return number if abs(number) <= LARGEST else None


def cut(text: str, most: int) -> str:
    """Return as many whole characters of a text as fit into so many bytes."""
    raw = raw_of(text)
    return text if len(raw) <= most else raw[:most].decode(errors="ignore")
