"""Replies of the script at random: as its contract has them, and damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from profiler.rules.contract import contract_of
from tests.fuzz.texts import Pool

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from profiler.rules.model import Rules

_TEXTS = (
    *(b"", b"1", b"a page", b"0", b"-1", b"null", b"%b%s%", b"a" * 255, b"a" * 256, b"a" * 300),
    *(b'"', b"\\", b"\n", b"\x00\x1f", b"\x7f", b"/", b"\r\n$5\r\n", "é".encode(), b"x" * 5_000),
    *("😀".encode() * 20, "\u2028".encode(), "\ufffd".encode(), b"1700000000000", b"\\u0041"),
)
#: Texts that only a caller in another language can have put there.
_NOT_UTF8 = (
    *(b"\xff", b"a\xffb", b"\xed\xa0\x80", b"\xc3", b"\xf0\x9f\x98", b"\xf0\x9f\x98\x80\x80"),
    *(b"\xc0\xaf", b"\xe2\x82", b"\xf4\x90\x80\x80", b"\xe0\x80\x80", b'\xf0\x9f\x98"'),
)

_INTEGERS = (0, 1, 2, 9, 10, -1, -9, 10**9, 1_700_000_000_000, 2**53, 2**63 - 1, -(2**63))
_DECIMALS = (b"0", b"1", b"-1", b"0.5", b"-0.25", b"12.3456", b"9999999999999999", b"-0", b"-0.0")
_NO_DECIMALS = (
    *(b"", b"007", b".5", b"1.", b"1.23456", b"1e3", b"12345678901234567", b"+1", b"nan"),
    *(b" 1", b"1 ", b"1\n", b"-", b"1.2.3", "²".encode()),
    *(b"-12345678901234567", b"12345678901234567.5", b"00", b"-01", b"0.00000"),
)

#: Replies that are no array of answers. The first word of an error is its code.
_ERRORS = (
    *("EPROFILE this key holds a string", "EPROFILE", "EPROFILE ", "EPROFILE état: 'x' {y}"),
    *("EBADARG wrong count", "ELAYOUT layout 9", "ERR unknown command", "WRONGTYPE no hash"),
    *("OOM command not allowed", "LOADING Redis is loading", "READONLY no writes", "BUSY script"),
    *("NOPERM no permissions", "CLUSTERDOWN down", "TRYAGAIN", "MASTERDOWN", "EPROFILES no code"),
)

Part = Any


class Failed(str):
    """An error reply."""

    __slots__ = ()


class Status(str):
    """A simple string."""

    __slots__ = ()


def encoded(reply: Part) -> bytes:
    """A reply as Redis sends it."""
    match reply:
        case Failed():
            return b"-%b\r\n" % reply.encode()
        case Status():
            return b"+%b\r\n" % reply.encode()
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
        case int():
            return b":%d\r\n" % reply
        case list():
            return _array([encoded(part) for part in reply])
        case _:
            return b"$-1\r\n"


def _array(parts: list[bytes]) -> bytes:
    return b"*%d\r\n%b" % (len(parts), b"".join(parts))


class Replies:
    """Makes replies to the calls of one set of rules.

    Args:
        chance: draws.
        rules: say which fields, flags and triggers.
    """

    def __init__(self, chance: random.Random, rules: Rules) -> None:
        self._chance = chance
        contract = contract_of(rules)
        self._types = [field.type for field in contract.fields]
        self._flags = [flag.encode() for flag in contract.flags]
        self._triggers = [each.name.encode() for each in contract.triggers_told]
        self._fair: dict[str, Callable[[], Part]] = {
            "string": self._text,
            "integer": self._integer,
            "boolean": lambda: chance.randrange(2),
            "decimal": lambda: chance.choice(_DECIMALS),
            "list": lambda: [self._text() for _ in range(chance.randrange(4))],
            "counts": self._counts,
        }
        #: Answers as the contract has them.
        self._answers = Pool(chance, lambda: encoded(self._answer()))

    def fair(self, events: int) -> bytes:
        """A reply to so many events, as the contract has it."""
        return _array([self._answers.draw() for _ in range(events)])

    def any(self, events: int) -> bytes:
        """A reply, damaged so seldom that a third of the batches come to their end."""
        chance = self._chance
        kind = chance.random()
        if kind < 0.02:
            return encoded(self._no_answers())
        answers = [self._answers.draw() for _ in range(events)]
        if kind < 0.024:
            at = chance.randrange(events + 1)
            answers[at : at + 1] = chance.choice([[], [self._answers.draw()] * 2])
        elif kind < 0.1:
            answers[chance.randrange(events)] = encoded(self._damaged(self._answer()))
        return _array(answers)

    def _text(self) -> bytes:
        chance = self._chance
        kind = chance.random()
        if kind < 0.5:
            return b"text %d" % chance.randrange(50)
        if kind < 0.97:
            return chance.choice(_TEXTS)
        return chance.choice(_NOT_UTF8) + chance.choice(_TEXTS)

    def _integer(self) -> int:
        chance = self._chance
        if chance.random() < 0.5:
            return chance.choice(_INTEGERS)
        return chance.randrange(-9, 10 ** chance.randrange(1, 19))

    def _counts(self) -> list[Part]:
        count = self._chance.randrange(4)
        return [part for _ in range(count) for part in (self._text(), self._integer())]

    def _answer(self) -> list[Part]:
        chance = self._chance
        some = chance.sample(self._flags, chance.choice([0, 0, 1, 1, 2, 3]))
        answer: list[Part] = [b"".join([b" " + flag for flag in some])]
        missing = chance.choice([0, 0, 0.1, 1])
        answer += [
            None if missing and chance.random() < missing else self._fair[type_]()
            for type_ in self._types
        ]
        if self._triggers:
            told = chance.choice([0, 0, 0, 0, 1, 2])
            answer.append([part for _ in range(told) for part in self._turned()])
        return answer

    def _turned(self) -> list[Part]:
        chance = self._chance
        return [
            chance.choice(self._triggers),
            b"%040x" % chance.getrandbits(160),
            chance.choice([b"fired", b"retracted"]),
            chance.choice([b"", b"0", b"007", b"1700000000000", b"9" * 15]),
        ]

    def _no_answers(self) -> Part:
        """What is no array of so many answers."""
        chance = self._chance
        if chance.random() < 0.6:
            return Failed(chance.choice(_ERRORS))
        return chance.choice([Status("OK"), 0, None, b"", b"text", [], [[]], [None], [b"x"], [1]])

    def _damaged(self, answer: list[Part]) -> Part:
        """An answer that is not as the contract has it, or only looks so."""
        chance = self._chance
        kind = chance.random()
        if kind < 0.06:
            return chance.choice([None, b"", 1, [], [b""], [None], Failed("EPROFILE x"), b"x" * 40])
        found = list(answer)
        if kind < 0.2:
            found[0] = self._odd_flags()
        elif kind < 0.26:
            at = chance.randrange(len(found))
            found[at : at + 1] = chance.choice([[], [found[at], found[at]]])
        elif kind < 0.4 and self._triggers:
            found[-1] = self._odd_triggers()
        else:
            # All types as often, however many fields have one.
            type_ = chance.choice(sorted({*self._types}))
            at = chance.choice([n for n, each in enumerate(self._types, 1) if each == type_])
            found[at] = self._odd_value(type_, found[at])
        return found

    def _odd_flags(self) -> Part:
        chance = self._chance
        flag, other = chance.choice(self._flags), chance.choice(self._flags)
        return chance.choice(
            [
                *(None, 1, [], flag, b" " + flag + b" ", b"  " + flag, b" " + flag.upper()),
                *(b" ", b" bad", b" \xff", b" %b %b" % (flag, flag), b" %b  %b" % (flag, other)),
                *(b" %b\n" % flag, b" forgotten", b" %b forgotten" % flag, [flag]),
                *(b" %b\x00" % flag, b"bad " + flag, b" \xc3\xa9", b" %b,%b" % (flag, other)),
                b" " + flag[:-1],
            ]
        )

    def _odd_value(self, type_: str, value: Part) -> Part:
        chance = self._chance
        if type_ == "decimal" and chance.random() < 0.5:
            return chance.choice(_NO_DECIMALS)
        return chance.choice(
            [
                *(None, b"", b"1", 1, 0, 2, -1, [], [b"a"], [1], [b"a", 1], [b"a", b"1"], [None]),
                *([b"a", 1, b"b"], [b"a", 1, b"a", 2], [1, 1], [[]], [b"a", None], [b"a", [b"b"]]),
                *(chance.choice(_NOT_UTF8), 2**63 - 1, [value]),
                *(Status("OK"), Failed("ERR x"), [Failed("ERR x")], b"9" * 400, [b"\xff", 1]),
            ]
        )

    def _odd_triggers(self) -> Part:
        chance = self._chance
        turned = self._turned()
        at = chance.randrange(len(turned))
        odd = [b"", b"no trigger", None, 1, [], turned[at].upper(), turned[at] + b"\n", b"\xff"]
        turned[at] = chance.choice([*odd, turned[at][:-1], b"-1", b"9" * 16, b"0x1", b" fired"])
        return chance.choice(
            [None, b"", 1, turned, turned, turned, turned[:-1], [*self._turned(), *turned], [[]]]
        )
