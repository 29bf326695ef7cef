"""Records at random: captured ones with odd parts, made ones, limits just met, and damage."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from profiler.records.types import Headers, Record
from tests.fuzz.captured import captured
from tests.fuzz.damage import damaged
from tests.fuzz.fields import odd_id, plain
from tests.fuzz.headers import any_headers
from tests.fuzz.texts import Pool, Texts
from tests.worker.hostile import CORPUS
from tests.worker.hostile_records import TIME

if TYPE_CHECKING:
    import random

    from profiler.config.settings import LimitSettings

TOPIC = "tracking_processed"

#: Few, so that a batch has several events of some.
_VISITORS = (*(f'"visitor {n}"' for n in range(24)), '"ä"', '"{x}%"', "7", '"\\u0061"', '"\\u00e4"')
_VISITS = ('"1"', '"2"', "3", '""', "null")

#: Sections that rules, outputs and the topic's programs know, and others.
_SECTIONS = (
    *(b'"query"', b'"query"', b'"kafka_raw"', b'"a"', b'"profile_a"', b'"\xc3\xa9"'),
    *(b'"q\\\\"', b'"que\\u0072y"', b'"x-y"', b'""'),
)

_PARTITIONS = (0, 0, 0, 0, 1, 7)


class Names(NamedTuple):
    """What the fields of an event are called that the rules read, as ``section-name``."""

    visitor: tuple[str, ...]
    visit: str | None
    others: tuple[str, ...]


class Records:
    """Makes records of one topic, one offset after the other.

    Args:
        chance: draws.
        names: of the fields that the rules read.
        limits: that the engine has.
        room_bytes: likewise.
        is_flat: whether the records are of ``tracking_flattened``.
    """

    def __init__(
        self,
        chance: random.Random,
        names: Names,
        limits: LimitSettings,
        room_bytes: int,
        *,
        is_flat: bool,
    ) -> None:
        self._chance = chance
        self._texts = Texts(chance)
        self._names = names
        self._limits = limits
        self._room_bytes = room_bytes
        self._is_flat = is_flat
        self._offset = 0
        small = limits.max_record_bytes + 2
        self._fair = Pool(chance, lambda: self._joined(self._own_fields(0)))
        self._corpus = [c.value for c in CORPUS if c.value is not None and len(c.value) <= small]

    def fair(self) -> Record:
        """A record as trackers send them: small, of one of few visitors."""
        return self._record(self._fair.draw())

    def any(self) -> Record:
        """A record of any kind."""
        chance = self._chance
        kind = chance.random()
        if kind < 0.35:
            value = self._captured()
        elif kind < 0.8:
            value = self._joined(self._own_fields(chance.randrange(6)))
        elif kind < 0.9:
            value = self._at_limits()
        elif kind < 0.98:
            value = self._shapes()
        elif kind < 0.995:
            value = chance.choice(self._corpus)
        else:
            return self._record(None)
        if chance.random() < 0.12:
            value = damaged(chance, value)
        return self._record(value)

    def _record(self, value: bytes | None) -> Record:
        chance = self._chance
        key: bytes | None = None
        headers: Headers = ()
        kind = chance.random()
        if kind < 0.4:
            key = b"key"
        elif kind < 0.43:
            key = b""
        elif kind < 0.432:
            # With the value, not far from what there is room for.
            key = b"k" * max(0, self._room_bytes - len(value or b"") - chance.randrange(1_300))
        if chance.random() < 0.15:
            headers = any_headers(chance)
        timestamp = TIME + self._offset if chance.random() < 0.9 else chance.choice([-1, 0, 2**62])
        self._offset += 1 if chance.random() < 0.95 else chance.randrange(1, 10**6)
        partition = chance.choice(_PARTITIONS)
        return Record(TOPIC, partition, self._offset, timestamp, key, value, headers)

    def _captured(self) -> bytes:
        """A record of the sample, some of its elements replaced, lost or doubled."""
        chance = self._chance
        _, sections = chance.choice(captured())
        changed = []
        for section, elements in sections:
            found = list(elements)
            for _ in range(chance.randrange(3)):
                at = chance.randrange(len(found) + 1)
                found[at : at + chance.randrange(2)] = [self._element()]
            changed.append((section, found))
        return self._joined([(s, self._pairs(e) if self._is_flat else e) for s, e in changed])

    def _pairs(self, elements: list[bytes]) -> list[bytes]:
        """Of elements as they are captured, names and values; of all others none."""
        parts = [e[8:-1].split(b',"value":', 1) for e in elements if e[:8] == b'{"name":']
        return [b"%b:%b" % (p[0].strip(), p[1]) for p in parts if len(p) == 2 and p[0][-1:] == b'"']

    def _own_fields(self, more: int) -> list[tuple[bytes, list[bytes]]]:
        """Sections with the ids, some fields that the rules read, and so many others."""
        chance, names, texts = self._chance, self._names, self._texts
        fields = []
        if names.visitor and chance.random() < 0.93:
            fields.append((names.visitor[0], chance.choice(_VISITORS).encode()))
        if names.visit and chance.random() < 0.9:
            fields.append((names.visit, chance.choice(_VISITS).encode()))
        fields += [
            (name, plain(chance, name) if more == 0 or chance.random() < 0.5 else texts.value())
            for name in chance.sample(names.others, min(len(names.others), chance.randrange(5)))
        ]
        if more and chance.random() < 0.1:
            odd = chance.choice([*names.visitor, *([names.visit] if names.visit else [])])
            fields.append((odd, odd_id(chance, self._limits.max_id_bytes)))
        by_section: dict[str, list[bytes]] = {}
        for name, value in fields:
            section, _, rest = name.partition("-")
            by_section.setdefault(section, []).append(self._member(rest, value))
        sections = [(f'"{section}"'.encode(), e) for section, e in by_section.items()]
        sections += [
            (
                chance.choice(_SECTIONS) if chance.random() < 0.8 else texts.string(),
                [self._element() for _ in range(chance.randrange(5))],
            )
            for _ in range(min(more, 2))
        ]
        if more:
            chance.shuffle(sections)
        return sections

    def _member(self, name: str, value: bytes) -> bytes:
        if self._is_flat:
            return b'"%b":%b' % (name.encode(), value)
        return b'{"name":"%b","value":%b}' % (name.encode(), value)

    def _element(self) -> bytes:
        chance, texts = self._chance, self._texts
        name = texts.string() if chance.random() < 0.6 else b'"n%d"' % chance.randrange(30)
        if self._is_flat:
            return b"%b%b:%b%b" % (name, texts.blank(), texts.blank(), texts.value())
        parts = [
            b'"name":%b%b' % (texts.blank(), name),
            b'"value"%b:%b' % (texts.blank(), texts.value()),
        ]
        kind = chance.random()
        if kind < 0.03:
            more = (b'"x":' + texts.value(), b'"name":1', b'"value":{}', b'"n\\u0061me":"e"')
            parts.insert(chance.randrange(3), chance.choice([*more, parts[0]]))
        elif kind < 0.04:
            parts.pop()
        elif kind < 0.05:
            parts[0] = b'"name":' + texts.value()
        elif kind < 0.1:
            parts.reverse()
        return b"{%b%b%b}" % (texts.blank(), (b"," + texts.blank()).join(parts), texts.blank())

    def _joined(self, sections: list[tuple[bytes, list[bytes]]]) -> bytes:
        if self._is_flat:
            # Names of the topic that is read begin with their section.
            members = [
                b"%b-%b" % (section[:-1], pair[1:]) if pair[:1] == b'"' else pair
                for section, pairs in sections
                for pair in pairs
            ]
        else:
            members = [b"%b:[%b]" % (section, b",".join(e)) for section, e in sections]
        return b"{%b}" % b",".join(members)

    def _at_limits(self) -> bytes:
        """A record just as large, deep or wide as it may be, or one more."""
        chance, limits, texts = self._chance, self._limits, self._texts
        over = chance.randrange(-2, 3)
        kind = chance.random()
        sections = self._own_fields(1)
        if kind < 0.3:
            # The record, its name and its element stand around.
            depth = limits.max_depth + over - (1 if self._is_flat else 3)
            sections.append((b'"d"', [self._member("n", texts.nested(depth))]))
            return self._joined(sections)
        if kind < 0.6 and limits.max_fields < 100:
            count = limits.max_fields + over - sum(len(e) for _, e in sections)
            some = [self._member(f"f{n}", texts.number()) for n in range(count)]
            sections.append((b'"w"', some))
            return self._joined(sections)
        if limits.max_record_bytes > 10_000:
            return self._joined(sections)
        if kind < 0.8:
            bare = self._joined([*sections, (b'"s"', [self._member("n", b'""')])])
            filler = b'"%b"' % (b"x" * (limits.max_record_bytes + over - len(bare)))
            sections.append((b'"s"', [self._member("n", filler)]))
            return self._joined(sections)
        # Flattened it grows: a section's name stands before each of its elements.
        long = chance.randrange(limits.max_record_bytes // 4)
        many = [self._member(str(n), texts.number()) for n in range(chance.randrange(2, 6))]
        return self._joined([*sections, (b'"%b"' % (b"s" * long), many)])

    def _shapes(self) -> bytes:
        """Sections and elements that are none, whole values that are no object, and texts."""
        chance, texts = self._chance, self._texts
        kind = chance.random()
        if kind < 0.1:
            return texts.value()
        section = texts.value() if kind < 0.5 else b"[%b]" % texts.value()
        odd = b"%b%b:%b%b" % (texts.string(), texts.blank(), texts.blank(), section)
        whole = self._joined(self._own_fields(1))
        parts = [part for part in (whole[1:-1], odd) if part]
        chance.shuffle(parts)
        joined = (texts.blank() + b"," + texts.blank()).join(parts)
        return b"%b{%b%b%b}%b" % (
            *(texts.blank(), texts.blank(), joined, texts.blank(), texts.blank()),
        )
