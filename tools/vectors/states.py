"""State that the script must leave alone."""

from collections.abc import Iterator

from tools.vectors.builders import PRESETS, Vector, lean, vector
from tools.vectors.calls import Call, Read, key_of, view

#: The presets' cap of stored state, in bytes.
PROFILE_BYTES = 262_144

#: Layouts of scripts to come. A state of layout 1 begins with a byte of MessagePack, 144 or more.
NEWER_LAYOUTS = (3, 31)

#: What is no state at all, by what it is.
DAMAGED = {
    "empty": b"",
    "not-a-list": b"\x01",
    "text": b"\xa5alice",
    "empty-list": b"\x90",
    "cut-off": b"\x94\x01\xaaevent",
    "layout-is-text": b"\x94\xa11\xa7arrival\xa0\x90",
    "no-order": b"\x91\x01",
    "invalid-byte": b"\xc1\xff",
    "layout-2-alone": b"\x02",
    "layout-2-head-alone": b"\x02e\x97\x2c\x7c\xc3",
    "layout-2-zeros": b"\x02e\x97\x2c\x7c\xc3" + bytes(40),
    "layout-2-no-order": b"\x02x\x97\x2c\x7c\xc3" + bytes(200),
    "layout-2-lengths": b"\x02e\x97\x2c\x7c\xc3" + b"\xff" * 200,
}
OTHER_TYPES = {
    "string": ["SET", "alice"],
    "list": ["RPUSH", "alice"],
    "set": ["SADD", "alice"],
    "sorted-set": ["ZADD", "1", "alice"],
    "stream": ["XADD", "*", "visitor_id", "alice"],
}


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    good = Call([view(0, "A", "home", "e1")])
    key = key_of("alice")
    for preset in PRESETS:
        for layout in NEWER_LAYOUTS:
            yield vector(
                preset,
                f"newer-layout-{layout}-{preset}",
                "State of a newer layout is left alone, by reads too: the caller must be updated. "
                f"The first byte of the field ~ is the layout, here {layout}.",
                [good._replace(error="ELAYOUT"), Read(error="ELAYOUT")] * 2,
                before=[["HSET", key, "~", bytes([layout]) + b"e\x97\x2c\x7c\xc3 and so on"]],
                stored={},
                keeps_ttl=False,
            )
        for name, packed in DAMAGED.items():
            yield vector(
                preset,
                f"damaged-state-{name}-{preset}",
                "State that cannot be read costs this visitor's events only, and is left alone, "
                "however often it is tried.",
                [good._replace(error="EPROFILE"), Read(error="EPROFILE")] * 2,
                before=[["HSET", key, "visitor_id", "alice", "~", packed]],
                stored={"visitor_id": "alice"},
                keeps_ttl=False,
            )
        for name, (command, *values) in OTHER_TYPES.items():
            yield vector(
                preset,
                f"key-of-another-type-{name}-{preset}",
                "A key that holds no hash is another program's, and is left alone.",
                [good._replace(error="EPROFILE"), Read(error="EPROFILE")],
                before=[[command, key, *values]],
                stored="no hash",
                keeps_ttl=False,
            )
        yield vector(
            preset,
            f"state-over-its-cap-{preset}",
            f"State of more than {PROFILE_BYTES} bytes is refused before it is unpacked. It is "
            "made on the server, so that this file stays small.",
            [good._replace(error="EPROFILE")],
            before=[
                [
                    "EVAL",
                    f"redis.call('HSET', KEYS[1], '~', string.rep('x', {PROFILE_BYTES + 1}))",
                    "1",
                    key,
                ]
            ],
            stored={},
            keeps_ttl=False,
        )
    for preset, order in (("lean", b"a"), ("article", b"e")):
        for written, packed in (
            ("1", b"\x94\x01\xa1" + order + b"\xa0\x90"),
            ("2", b"\x02" + order + b"\x97\x2c\x7c\xc3" + bytes(64)),
        ):
            yield vector(
                preset,
                f"state-of-another-order-{written}-{preset}",
                "State that rules of the other order wrote means something else, and is left "
                f"alone. Layout {written}.",
                [good._replace(error="EPROFILE"), Read(error="EPROFILE")],
                before=[["HSET", key, "visitor_id", "alice", "~", packed]],
                stored={"visitor_id": "alice"},
                keeps_ttl=False,
            )
    yield lean(
        "hash-of-another-program",
        "A hash without state was not written by this script.",
        [good._replace(error="EPROFILE"), Read(error="EPROFILE")],
        before=[["HSET", key, "name", "value"]],
        stored={"name": "value"},
        keeps_ttl=False,
    )
