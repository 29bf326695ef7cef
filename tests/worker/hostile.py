"""The hostile corpus: what the internet puts into a topic, and the one fate that each must have.

Records to be refused name the visitor `VICTIM`, so that one that slips through shows in the
profile of somebody else's good records; all others have a visitor of their own.
"""

from collections.abc import Iterator
from typing import NamedTuple

from profiler.records.types import Headers
from tests.worker import hostile_text
from tests.worker.hostile_records import FIELDS, TIME, VICTIM, event, nested, of, section, text

#: Fates besides the codes of dead letters.
PERSISTED, ANONYMOUS, TOMBSTONE = "persisted", "anonymous", "tombstone"

#: The limits that the corpus is made for: 6 MB pass, so that a title of 5 MB reaches the script.
LIMITS = {"max_record_bytes": 6_000_000, "max_depth": 64, "max_fields": 2_000, "max_id_bytes": 512}
RECORD_BYTES = 8_000_000


class Case(NamedTuple):
    """One record, and what must become of it."""

    name: str
    value: bytes | None
    #: `PERSISTED` (with a profile), `ANONYMOUS`, `TOMBSTONE`, or a dead letter's code.
    fate: str
    why: str
    key: bytes | None = b"hostile"
    headers: Headers = (("trace", b"1"),)
    timestamp: int = TIME
    #: The fate of the line `{"key": …, "value": …}` in `profiler pipe`, where it is another one.
    in_pipe: str = ""

    @property
    def is_rejected(self) -> bool:
        """Whether its fate is a dead letter's code."""
        return self.fate not in {PERSISTED, ANONYMOUS, TOMBSTONE}


def _not_json() -> Iterator[Case]:
    for name, value, code, why in hostile_text.NOT_JSON:
        yield Case(name, value, code, why)
    cut = event(page_title='"€"')
    yield Case("cut inside a character", cut[: cut.index("€".encode()) + 1], "bad_utf8", "cut")
    yield Case("cut in the middle", cut[:40], "bad_json", "a producer died in mid-write")
    why = "the text null is no tombstone"
    yield Case("null", b"null", "not_an_object", why, in_pipe=TOMBSTONE)
    yield Case("UTF-16", event().decode().encode("utf-16"), "bad_utf8", "the wrong encoding")
    yield Case("BOM", b"\xef\xbb\xbf" + event(), "bad_json", "RFC 8259 forbids a BOM")
    yield Case("two objects", event() + event(), "bad_json", "two records run together", b"")
    yield Case("a NUL behind", event() + b"\x00", "bad_json", "a C string's end")
    for name, literal, code, why in hostile_text.BAD_LITERALS:
        yield Case(f"{name} as title", event(page_title=literal), code, why)


def _halves() -> Iterator[Case]:
    why = "half a character becomes U+FFFD, and costs nobody an event"
    for name, literal in hostile_text.HALVES:
        yield Case(f"{name} as title", of(name, page_title=literal), PERSISTED, why)
    yield Case(
        "a half as a name",
        of("half a name", r'"\ud83d": [{"name": "\udc00", "value": 1}]'),
        PERSISTED,
        why,
    )
    yield Case("a half as an id", of("", domain_userid=r'"half \udfff id"'), PERSISTED, why)


def _numbers() -> Iterator[Case]:
    for name, literal, why in hostile_text.GOOD_NUMBERS:
        yield Case(f"{name} beside", of(name, section("n", literal)), PERSISTED, why)
    for name, literal in hostile_text.EVENT_TIMES.items():
        value = of(f"time {name}", dvce_created_tstamp=literal)
        yield Case(
            f"event time {name}",
            value,
            PERSISTED,
            "where it is not believed, the record's is taken",
        )
    micros = of("microseconds")
    why = "more than the script's 15 digits: as if it had no timestamp"
    yield Case("record timestamp in µs", micros, PERSISTED, why, timestamp=TIME * 1_000)
    value = of("dropped integer", '"x": [{"name": "n", "value": 1, "more": %s}]' % (10**30))
    yield Case("10^30 in a dropped member", value, PERSISTED, "never leaves", in_pipe="bad_integer")
    value = of("dropped integer 2", '"x": [{"name": "n", "value": [], "more": %s}]' % (10**30))
    yield Case("10^30 dropped, a list kept", value, PERSISTED, "the same", in_pipe="bad_integer")


def _shapes() -> Iterator[Case]:
    for name, more, why in hostile_text.BAD_SHAPES:
        yield Case(name, event(more), "bad_shape", why)
    for name, value in hostile_text.NO_EVENTS.items():
        yield Case(name, value, ANONYMOUS, "an object without an id")
    for name, more, why in hostile_text.ODD_SECTIONS:
        yield Case(name, of(name, more), PERSISTED, why)
    many = ", ".join(f'{{"name": "{n}", "value": {n}}}' for n in range(2_000 - len(FIELDS)))
    yield Case("2,000 fields", of("2000 fields", f'"x": [{many}]'), PERSISTED, "the limit")
    value = event(f'"x": [{many}, {{"name": "", "value": 1}}]')
    yield Case("2,001 fields", value, "too_many_fields", "one over")
    sections = b", ".join(b'"%d": [{"name": "", "value": 1}]' % n for n in range(100_000))
    yield Case("10^5 sections", b"{%b}" % sections, "too_many_fields", "a map of everything")
    empty = b", ".join(b'"%d": []' % n for n in range(100_000))
    why = "no fields at all"
    yield Case("10^5 empty sections", b"{%b}" % empty, ANONYMOUS, why)
    long = f'"{"s" * 5_000}": [{many}]'
    yield Case("a long section of many names", event(long), "too_large", "flattened, it is 10 MB")


def _depths() -> Iterator[Case]:
    yield Case("64 levels", of("64 levels", section("d", nested(61))), PERSISTED, "the limit")
    objects = of("64 objects", section("d", nested(61, '{"": ', "}")))
    yield Case("64 levels of objects", objects, PERSISTED, "the limit")
    yield Case("65 levels", event(section("d", nested(62))), "too_deep", "one over")
    yield Case("65 levels for a title", event(page_title=nested(62)), "too_deep", "one over")
    for levels in (1_000, 100_000):
        name = f"{levels} levels"
        yield Case(
            name, event(page_title=nested(levels)), "too_deep", "to break a recursive parser"
        )
        code = "bad_json" if levels < 1_024 else "too_deep"  # where the parser gives up
        yield Case(f"{name}, open", b'{"a":' * levels, code, "the same, never closed")
    value = of("deep, dropped", f'"x": [{{"name": "n", "value": 1, "more": {nested(100)}}}]')
    yield Case("100 levels in a dropped member", value, PERSISTED, "dropped", in_pipe="too_deep")


_LITERALS = ("true", "null", "1.5", "7", '""', "[]", "{}", f'["{VICTIM}"]', "-1")
_NOBODY = [literal for literal in hostile_text.FATE_OF_ID if literal[:1] == '"' and literal != '""']


def _types() -> Iterator[Case]:
    """Every field that the rules read, as every type of JSON."""
    for field in FIELDS:
        for literal in (*_LITERALS, *_NOBODY):
            fate, why = PERSISTED, "no usable value: as if it were absent"
            value = of(f"{field} as {literal}", **{field: literal})
            if field.endswith("id") and field != "event_id":
                fate, why = hostile_text.FATE_OF_ID.get(literal, (PERSISTED, "an id"))
                fate = PERSISTED if (fate, field) == (ANONYMOUS, "domain_sessionid") else fate
            if fate == "bad_id":
                value = event(**{field: literal})
            yield Case(f"{field} as {literal}", value, fate, why)


def _texts() -> Iterator[Case]:
    """Every field that the rules read, and all places around them, with code as their text."""
    for language, code in hostile_text.CODE.items():
        own, why = f"{language} in", "texts are data: they travel in ARGV, never in the script"
        for field in FIELDS:
            value = of(f"{own} {field}", **{field: text(code)})
            yield Case(f"{language} in {field}", value, PERSISTED, why)
        elsewhere = f'{text(code)}: [{{"name": {text(code)}, "value": {text(code)}}}]'
        yield Case(f"{own} section, name and value", of(f"{own} names", elsewhere), PERSISTED, why)
        header = (code, code.encode())
        value = of(f"{own} key")
        yield Case(f"{own} key and header", value, PERSISTED, why, code.encode(), (header,))


def _ids() -> Iterator[Case]:
    for name, visitor in hostile_text.IDS.items():
        yield Case(f"id: {name}", of(visitor), PERSISTED, "an id is any text; keys encode it")
        visit = of(f"visit: {name}", domain_sessionid=text(visitor))
        yield Case(f"visit id: {name}", visit, PERSISTED, "a visit id is any text")
    for field in ("domain_userid", "domain_sessionid"):
        for name, long in hostile_text.LONG_IDS.items():
            value = event(**{field: text(long)})
            yield Case(f"{field}: {name}", value, "bad_id", "over 512 bytes of UTF-8")
    for literal, why in (("18446744073709551615", "2^64-1"), ("-9223372036854775808", "-2^63")):
        yield Case(f"id {why}", of("", domain_userid=literal), PERSISTED, "decimal text")


def _large() -> Iterator[Case]:
    title = of("large title", page_title=text("é" * 2_500_000))
    yield Case("title of 5 MB", title, PERSISTED, "its profile is cut, and flagged truncated")
    title = event(page_title=text("x" * 6_000_000))
    yield Case("title over 6 MB", title, "too_large", "over the limit, refused unparsed")


def _outside() -> Iterator[Case]:
    """What stands around the value: keys, headers."""
    for name, key in hostile_text.KEYS.items():
        in_pipe = "bad_utf8" if name.startswith("key no UTF-8") else ""
        yield Case(name, of(name), PERSISTED, "a key passes as it is", key, in_pipe=in_pipe)
        yield Case(f"{name}, refused", b"[]", "not_an_object", "with its key", key, in_pipe=in_pipe)
    for name, headers in hostile_text.HEADERS.items():
        yield Case(name, of(name), PERSISTED, "headers pass, ours are ours", headers=headers)
        yield Case(f"{name}, refused", b"1", "not_an_object", "likewise", headers=headers)
    yield Case("tombstone", None, TOMBSTONE, "a null value is no event")
    yield Case("tombstone without a key", None, TOMBSTONE, "nor is this", None)
    tricky = (("source-offset", b"0"),)
    yield Case("tombstone with a forged source", None, TOMBSTONE, "ours wins", headers=tricky)


CORPUS = [
    *_not_json(),
    *_halves(),
    *_numbers(),
    *_shapes(),
    *_depths(),
    *_types(),
    *_texts(),
    *_ids(),
    *_large(),
    *_outside(),
]
