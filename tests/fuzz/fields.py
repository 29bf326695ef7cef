"""Values at random of the fields that rules read: ids, times, and what trackers send besides."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.worker import hostile_text
from tests.worker.hostile_records import TIME

if TYPE_CHECKING:
    import random

#: Values as trackers send them.
_PLAIN = (
    *(b'"Pageview"', b'"Product"', b'"x"', b'"2.50"', b'"Home"', b'""', b"1", b"12.25", b"-3"),
    *(b'"http://a.example/x?utm_source=b&gclid=1"', b'"https://www.google.example/"'),
)


#: No times, or none that are believed, and the shortest texts.
_ODD_TIMES = (
    *(time for time in hostile_text.EVENT_TIMES.values() if len(time) < 100),
    *('""', '"7"', '"x"', '" "', '"-"', '"\\u0037"', "7", "-7", "0.5", "true", "null", "[]"),
)
_TIME_FORMS = (
    *("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S,%f+01:00", "%Y-%m-%d"),
    *("%Y%m%dT%H%M%SZ", "%Y-%m-%dt%H:%M:%S.1-0130", "%Y-%m-%dT%H:%MZ", " %Y-%m-%dT%H:%M:%S UTC"),
    *("%Y-02-29T23:59:59z", "%Y-%m-%dT24:00:00", "%Y-%m-%dT%H:%M:60Z", "%Y-%m-%dT%H:%M:%S+24:00"),
    *("%Y-%m-31T%H:%M:%S-14:00", "0000-%m-%dT%H:%M:%S", "9999-12-31T23:59:59.999-23:59"),
)


def plain(chance: random.Random, name: str) -> bytes:
    """A value that a field of this name may have."""
    if "timestamp" in name or "tstamp" in name:
        return _time(chance)
    return chance.choice(_PLAIN)


def _time(chance: random.Random) -> bytes:
    """A time in any form, most of them read, some of them none."""
    kind = chance.random()
    if kind < 0.15:
        return chance.choice(_ODD_TIMES).encode()
    ms = chance.choice([TIME, TIME, 0, 94_694_400_000]) + chance.randrange(-(10**8), 10**8)
    if kind < 0.5:
        part = chance.random()
        scaled = chance.choice(
            [ms, ms, ms // 1_000, int((ms + part) * 1_000), int((ms + part) * 10**6)]
        )
        return str(scaled).encode() if kind < 0.3 else b'"%d"' % scaled
    moment = datetime.fromtimestamp(ms / 1_000, UTC)
    written = moment.strftime(chance.choice(_TIME_FORMS)).encode()
    if chance.random() < 0.1:
        at = chance.randrange(len(written))
        written = written[:at] + chance.choice([b"", b"0", b"9", b":", b"+"]) + written[at + 1 :]
    return b'"%b"' % written


def odd_id(chance: random.Random, most_bytes: int) -> bytes:
    """An id just as long as it may be, or any odd one."""
    if chance.random() < 0.3:
        longest = most_bytes + chance.randrange(-1, 2)
        return b'"%b"' % (chance.choice(["a", "é", "😀"]) * longest).encode()[:longest]
    odd = [*hostile_text.FATE_OF_ID, *map("{}".format, (2**64 - 1, -(2**63), 1.5))]
    return chance.choice(odd).encode()
