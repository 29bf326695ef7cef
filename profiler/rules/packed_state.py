"""Layout 2 of a visitor's packed state, as one set of rules has it: formats, names, places."""

import struct
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from profiler.rules.computed import shown
from profiler.rules.contract import LAYOUT
from profiler.rules.model import Rules
from profiler.rules.rendered_rule import RenderedRule, twin_of
from profiler.rules.rendered_trigger import Kept, RenderedTrigger

#: With more values than this they are slots of one table: Lua allows 200 locals in a function.
_MOST_LOCALS = 90

#: Lua allows 250 registers in a function, and each argument of a call takes one. State with more
#: columns than the first number is taken apart and put together in blocks of the second.
_ONE_BLOCK, _BLOCK = 60, 30

#: Watermark, day of the time to live, visits opened, stream of the watermark, other streams,
#: six bytes of each event without a visit and of each visit forgotten.
_FIXED = [
    *(("mark", "i7"), ("day", "I2"), ("opened", "I4"), ("named", "I1c0"), ("streams", "I4c0")),
    *(("loose", "I2c0"), ("forgotten", "I2c0")),
]
_VISIT_HEAD = [("id", "I2c0"), ("latest", "i7"), ("visit_number", "I4")]
_VISIT_END = [("events", "I2c0"), ("carried", "I4c0")]
_END = [("visitor_carried", "I4c0"), ("visits", "I4c0")]
_TEXT = "I3c0"

#: State is MessagePack as layout 1 was, so that version 0.1 finds the layout and answers ELAYOUT:
#: an array of the layout, a text that is the head, and a text of all values, whose length has 4
#: bytes.
_ARRAY, _TEXT_MARK = bytes([0x93, LAYOUT, 0xDA]), b"\xdb"

#: Bytes of two ids and of 1,024 streams, at most.
_IDS_AND_STREAMS = 2 * 65_535 + 2**16

#: Kinds in the head: a number, a text, and from here on a text with a twin.
_NUMBER, _PLAIN_TEXT, _TWIN = b"n", b"t", 128
_MOST_TWINS = 128

#: The empty values of the operations, as the templates write them.
_STARTS: dict[str, int | bytes] = {
    "EVER": 10**15,
    "NEVER": -1,
    "0": 0,
    "2 ^ 54": 2**54,
    "-2 ^ 54": -(2**54),
    '""': b"",
}


class Column(NamedTuple):
    """One value in packed state: its Lua place and its `struct` format."""

    name: str
    format: str

    @property
    def is_text(self) -> bool:
        """Whether its length stands before it."""
        return self.format.startswith("I") and self.format.endswith("c0")


class Block(NamedTuple):
    """Columns that one call takes apart or puts together; `constant` names its format."""

    constant: str
    format: str
    names: list[str]
    arguments: list[str]


def packed_state(
    rules: Rules, rendered: Sequence[RenderedRule], triggers: Sequence[RenderedTrigger] = ()
) -> dict[str, Any]:
    """What the templates must know about the values and how they are stored.

    The marks of triggers stand behind the values of rules.
    """
    kept: list[Kept] = [*rendered, *triggers]
    visitor = [rule for rule in kept if rule.scope == "visitor"]
    visit = [rule for rule in kept if rule.scope == "visit"]
    places = sum(len(rule.places) for rule in kept)
    chosen = {choice for rule in rules.fields for choice in rule.choices if not choice.is_plain}
    others = len(rules.inputs) + len(rules.predicates) + len(chosen) + len(rules.computed or ())
    in_parts = [rule for rule in rendered if rule.shown]
    slots = places + others + len(in_parts) > _MOST_LOCALS
    digest = bytes.fromhex(rules.version[-8:])
    shared: dict[str, Any] = {
        "rules": rendered,
        "visitor_rules": visitor,
        "visit_rules": visit,
        "slots": ["0"] * (places + len(in_parts)) if slots else [],
        "in_parts": in_parts,
        "declare": "" if slots else "local ",
    }
    if rules.order == "arrival":
        in_order = sorted(rendered, key=lambda rule: rule.scope == "visit")
        return shared | _arrival(in_order, rules, digest, slots=slots)
    if slots:
        _use_slots(kept, first=1)
    for number, rule in enumerate(in_parts, 1):
        rule.shown_place = f"v[{places + number}]" if slots else f"shown_{number}"
    if rules.gap_ms:
        visit = start_first(rules, visit)
    find_twins(visitor, visit)
    kinds = b"".join(_kind(rule, visit) + rule.code for rule in (*visit, *visitor))
    head = _head(b"e" + digest + bytes([len(visit), len(visitor)]) + kinds)
    one_visit = visit_columns(visit)
    state = [*_columns(_FIXED), *one_visit[1:], *_values(visitor), *_columns(_END)]
    return shared | {
        "head": head,
        "state": blocks_of("STATE", state, whole=not slots),
        "stored": blocks_of(
            "STORED",
            [Column("HEAD", f"c{len(head)}"), Column("size", "I4"), *state],
            whole=not slots,
        ),
        "state_bytes": _fixed_bytes(state),
        "state_texts": [column.name for column in state if column.is_text],
        "visit": (visit_blocks := blocks_of("VISIT", one_visit, whole=not slots)),
        "visit_read": [
            block._replace(names=["_" if name == "size" else name for name in block.names])
            for block in visit_blocks
        ],
        "visit_bytes": _fixed_bytes(one_visit),
        "visit_texts": [column.name for column in one_visit if column.is_text],
        "twins": [rule for rule in (*visit, *visitor) if rule.twin],
        "fixed_format": ">" + "".join(format_ for _, format_ in _FIXED),
        "visit_codes": b"".join(rule.code for rule in visit),
        "visitor_codes": b"".join(rule.code for rule in visitor),
        "visit_starts": list(map(_start, visit)),
        "visitor_starts": list(map(_start, visitor)),
        "bounce": next((r for r in visit if rules.visit and r.name == rules.visit.bounce), None),
        "computed": shown(
            rules.computed or (),
            {rule.name: rule.public[0] for rule in rendered},
            {rule.name: rule.place() for rule in rendered},
        ),
        "cost": [
            "1 HGET",
            "1 EXISTS if new",
            "at most 1 HSET",
            "1 PEXPIRE a day",
            "HKEYS, and HDEL of each plain field, where other rules or layout 1 wrote the state",
        ],
    }


def _arrival(
    rendered: Sequence[RenderedRule], rules: Rules, digest: bytes, *, slots: bool
) -> dict[str, Any]:
    if slots:
        _use_slots(rendered, first=3)  # behind ~ and visit_id
    return {
        "head": _head(b"a" + digest),
        "may_be_too_large": len(rendered) * rules.limits.value_bytes + _IDS_AND_STREAMS
        > rules.limits.profile_bytes,
        "arrival_names": [rule.name for rule in rendered],
        "arrival_locals": [] if slots else [rule.place() for rule in rendered],
        "cost": ["1 HMGET", "1 HEXISTS and 1 EXISTS if new", "at most 1 HSET", "1 PEXPIRE a day"],
    }


def _head(text: bytes) -> bytes:
    return _ARRAY + len(text).to_bytes(2, "big") + text + _TEXT_MARK


def _use_slots(rendered: Iterable[Kept], first: int) -> None:
    for rule in rendered:
        for suffix in rule.place_of:
            rule.place_of[suffix] = f"v[{first}]"
            first += 1


def start_first(rules: Rules, visit: Sequence[Kept]) -> list[Kept]:
    """The visit's rules as state has them: one look at a visit's beginning finds its start."""
    start = rules.visit_start
    return sorted(visit, key=lambda rule: start is None or rule.name != start.name)


def visit_columns(visit: Sequence[Kept]) -> list[Column]:
    """One of the visits that are not in hand."""
    return [
        Column("size", "I4"),
        *_columns(_VISIT_HEAD),
        *_values(visit),
        *_columns(_VISIT_END),
    ]


def find_twins(visitor: Iterable[Kept], visit: Iterable[Kept]) -> None:
    """Tell the rules whose text stands elsewhere, too."""
    of_visit = [rule for rule in visit if isinstance(rule, RenderedRule)]
    of_visitor = [rule for rule in visitor if isinstance(rule, RenderedRule)]
    for rule in (*of_visit, *of_visitor):
        twin = twin_of(rule, of_visit)
        if twin is not None and of_visit.index(twin) < _MOST_TWINS:
            rule.twin = twin


def _kind(rule: Kept, visit: Sequence[Kept]) -> bytes:
    if len(rule.formats) == 1:
        return _NUMBER
    return bytes([_TWIN + visit.index(rule.twin)]) if rule.twin else _PLAIN_TEXT


def _columns(named: Iterable[tuple[str, str]]) -> list[Column]:
    return [Column(name, format_) for name, format_ in named]


def _values(rendered: Iterable[Kept]) -> list[Column]:
    return [
        Column(place, _TEXT if format_ == "text" else format_)
        for rule in rendered
        for place, format_ in zip(rule.places, rule.formats, strict=True)
    ]


def blocks_of(constant: str, columns: Sequence[Column], *, whole: bool) -> list[Block]:
    """Columns in blocks that Lua can hold in registers; as one block if they are `whole`."""
    size = len(columns) if whole and len(columns) <= _ONE_BLOCK else _BLOCK
    parts = [columns[at : at + size] for at in range(0, len(columns), size)]
    return [
        Block(
            constant if len(parts) == 1 else f"{constant}_{number}",
            ">" + "".join(column.format for column in part),
            [column.name for column in part],
            [word for c in part for word in ([f"#{c.name}", c.name] if c.is_text else [c.name])],
        )
        for number, part in enumerate(parts, 1)
    ]


def _fixed_bytes(columns: Iterable[Column]) -> int:
    return sum(int(column.format.lstrip("iI").removesuffix("c0")) for column in columns)


def _start(rule: Kept) -> bytes:
    """A value before any event, as state holds it."""
    found = b""
    for word, format_ in zip(rule.empty.split(", "), rule.formats, strict=True):
        start = _STARTS[word]
        if isinstance(start, bytes):
            found += struct.pack(">I", len(start))[1:] + start
        else:
            found += start.to_bytes(int(format_[1:]), "big", signed=True)
    return found
