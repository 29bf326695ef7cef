"""JSON texts at random, of which most are odd: strings, numbers, values, and what is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.worker import hostile_text

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

#: What strings are made of.
_PIECES = (
    *(
        "",
        "a",
        "name",
        "value",
        "profile_x",
        "profile_",
        "other_eventtype",
        "-",
        "query-",
        "0",
        " ",
    ),
    *('"', "\\", "/", "\n", "\r", "\t", "\b", "\f", "\x00", "\x1f", "\x7f", "\x80", "é", "ÿ"),
    *("\u07ff", "\u0800", "\u2028", "\ufeff", "\ufffd", "\uffff", "\U00010000"),
    *("😀", "\U0010ffff"),
    *("x" * 15, "x" * 16, "é" * 17, "x" * 31, "x" * 64, "\n" * 8, '"' * 33, "null", "NaN"),
)

#: String literals that ``json.dumps`` does not write.
_LITERALS = (
    *(r'"\u0041"', r'"\u00e9"', r'"\u00E9"', r'"\u001F"', r'"\u0000"', r'"\u007f"', r'"\u2028"'),
    *(r'"\/"', r'"/"', r'"\b\f\n\r\t"', r'"\\u0041"', r'"\""', r'"\\"', r'"\uFFFF"', r'"\ufeff"'),
    *(r'"\ud83d\ude00"', r'"\uD83D\uDE00"', r'"\udbff\udfff"', r'"\ud800\udc00"', r'"\\ud800"'),
    *(r'"\u0070rofile_a"', r'"profil\u0065_"', r'"\ud83d\ude00\\"', r'"\\\\"', r'"\u0022\u005c"'),
)
#: Literals with half a character.
_HALVES = (
    *(r'"\ud800"', r'"\udc00"', r'"\udc00\ud800"', r'"\ud83d\u0041"', r'"\ud83d\ud83d\ude00"'),
    *(r'"\ud83dA"', r'"\ud83d\n"', r'"\\\ud800"', r'"a\udfff"', r'"\ud83d\\ude00"'),
)
#: Literals that are none.
_NO_LITERALS = (
    *(r'"\x41"', r'"\u12"', r'"\u12G4"', r'"\U0041"', r'"\'"', '"\\', '"', '"\t"', '"\x00"', "'a'"),
)

#: Bytes that are no UTF-8, inside of quotes.
_NOT_UTF8 = (
    *(b"\x80", b"\xc0\xaf", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xff"),
    *(b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xe0\x80\xaf", b"\xed\xbf\xbf"),
)

_NUMBERS = (
    *(text for _, text, _ in hostile_text.GOOD_NUMBERS if text[0] in "-0123456789"),
    *("0", "-0", "0.0", "-0.0", "1", "-1", "9", "10", "0e0", "0E+00", "1e0", "1E5", "1e-5", "1e5"),
    *("1e15", "1e16", "1e17", "1e21", "1e22", "1e23", "1.0", "100.0", "1e-7", "1.5e-7", "0.0001"),
    *("0.00001", "123456789012345678", "1234567890123456789", "12345678901234567890"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775807", "18446744073709551614"),
    *("2.2250738585072011e-308", "2.2250738585072014e-308", "4.9e-324", "2.4e-324", "1e-323"),
    *("1.7976931348623158e308", "9007199254740992.0", "9007199254740993.0", "0.1", "0.3", "-1e-1"),
    *("100000000000000000000.0", "123456789.123456789", "5e-1"),
)
#: Numbers that no record may have, and texts that are no numbers.
_NO_NUMBERS = (
    *(text for _, text, _, _ in hostile_text.BAD_LITERALS if len(text) < 500),
    *("1.7976931348623159e308", "-", "1e", "1e+", "1.e1", ".1", "00", "-01", "--1", "1.2.3", "1_0"),
    *("1f", "0b1", "-18446744073709551615", "99999999999999999999", "123456789012345678901e"),
)

_WORDS = ("null", "true", "false")
_NO_WORDS = ("nul", "True", "nulll", "undefined", "NaN", "", "tru e")

#: What may stand between two parts of JSON, and what may not.
_BLANKS = (b" ", b"\n", b"\t", b"\r", b" \r\n\t ")
_NO_BLANKS = (b"\x0c", b"\x0b", b"\xc2\xa0", b"\x00")

#: How deep a value may be by chance; deeper ones are made on purpose.
_DEEP = 4

#: Texts of a pool.
_POOL = 512


class Pool:
    """Texts that are drawn again and again, and renewed little by little: making one is slow.

    Args:
        chance: draws.
        make: makes a text.
    """

    def __init__(self, chance: random.Random, make: Callable[[], bytes]) -> None:
        self._random = chance.random
        self._make = make
        self._texts = [make() for _ in range(_POOL)]

    def draw(self) -> bytes:
        """One of them, which is a new one in one of eight cases."""
        drawn = self._random()
        at = int(drawn * len(self._texts))
        if drawn * len(self._texts) - at < 0.125:
            self._texts[at] = self._make()
        return self._texts[at]


class Texts:
    """Makes JSON texts.

    Args:
        chance: draws.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        #: A string, a number, any value; one in some hundreds is no JSON.
        self.string = Pool(chance, self._make_string).draw
        self.number = Pool(chance, self._make_number).draw
        self.value = Pool(chance, self._make_value).draw

    def blank(self) -> bytes:
        """White space, or what is none; nothing as a rule."""
        kind = self._chance.random()
        if kind < 0.97:
            return b""
        return self._chance.choice(_BLANKS if kind < 0.999 else _NO_BLANKS)

    def nested(self, depth: int) -> bytes:
        """A number inside of so many lists and objects."""
        opened = [self._chance.choice([(b"[", b"]"), (b'{"":', b"}")]) for _ in range(depth)]
        closed = [closing for _, closing in reversed(opened)]
        return b"".join([*(opening for opening, _ in opened), b"0", *closed])

    def _make_string(self) -> bytes:
        chance = self._chance
        kind = chance.random()
        if kind < 0.12:
            return chance.choice(_LITERALS).encode()
        if kind < 0.13:
            return chance.choice(_HALVES).encode()
        if kind < 0.132:
            return chance.choice(_NO_LITERALS).encode()
        text = "".join(chance.choices(_PIECES, k=chance.randrange(5)))
        if kind < 0.134:
            return b'"%b%b"' % (json.dumps(text)[1:-1].encode(), chance.choice(_NOT_UTF8))
        return json.dumps(text, ensure_ascii=kind < 0.4).encode()

    def _make_number(self) -> bytes:
        chance = self._chance
        kind = chance.random()
        if kind < 0.295:
            text = chance.choice(_NUMBERS)
        elif kind < 0.3:
            text = chance.choice(_NO_NUMBERS)
        elif kind < 0.5:
            largest = 10 ** chance.randrange(1, 21)
            text = str(chance.randint(-largest, largest))
        elif kind < 0.7:
            text = repr(chance.uniform(-1, 1) * 10.0 ** chance.randint(-320, 308))
        elif kind < 0.8:
            text = repr(chance.uniform(-1, 1) * 10.0 ** chance.randint(-8, 24))
        else:
            digits = "".join(chance.choices("0123456789", k=chance.randint(1, 25)))
            behind = "".join(chance.choices("0123456789", k=chance.randint(1, 25)))
            sign, zero = chance.choice(["", "-"]), digits.lstrip("0") or "0"
            exponent = chance.choice(["", "", f"e{chance.randint(-330, 310)}", "E+2", "e-00"])
            text = f"{sign}{zero}.{behind}{exponent}"
        return text.encode()

    def _make_value(self, depth: int = 0) -> bytes:
        chance = self._chance
        kind = chance.random()
        if kind < 0.45:
            return self.string()
        if kind < 0.7:
            return self.number()
        if kind < 0.8:
            return chance.choice(_WORDS if kind < 0.7995 else _NO_WORDS).encode()
        if depth == _DEEP:
            return chance.choice([b"[]", b"{}", b"[ ]", b"{\n}"])
        inner = [self._make_value(depth + 1) for _ in range(chance.randrange(4))]
        opening, closing = b"[", b"]"
        if kind > 0.9:
            opening, closing = b"{", b"}"
            inner = [b"%b%b:%b%b" % (self.string(), self.blank(), self.blank(), v) for v in inner]
        joined = (b"," + self.blank()).join(inner)
        return b"".join([opening, self.blank(), joined, self.blank(), closing])
