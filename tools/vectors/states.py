"""State that the script must leave alone."""

from collections.abc import Iterator

from tools.vectors.builders import PRESETS, Vector, standard, vector
from tools.vectors.calls import Call, key_of, view

#: The presets' cap of stored state, in bytes.
PROFILE_BYTES = 262_144

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
        yield vector(
            preset,
            f"newer-layout-{preset}",
            "State of a newer layout is left alone: the caller must be updated. The field ~ holds "
            "MessagePack; this one is the list [99].",
            [good._replace(error="ELAYOUT")],
            before=[["HSET", key, "~", b"\x91\x63"]],
            stored={},
            keeps_ttl=False,
        )
        for name, packed in DAMAGED.items():
            yield vector(
                preset,
                f"damaged-state-{name}-{preset}",
                "State that cannot be read costs this visitor's events only, and is left alone, "
                "however often it is tried.",
                [good._replace(error="EPROFILE")] * 2,
                before=[["HSET", key, "visitor_id", "alice", "~", packed]],
                stored={"visitor_id": "alice"},
                keeps_ttl=False,
            )
        for name, (command, *values) in OTHER_TYPES.items():
            yield vector(
                preset,
                f"key-of-another-type-{name}-{preset}",
                "A key that holds no hash is another program's, and is left alone.",
                [good._replace(error="EPROFILE")],
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
    for preset, packed in (
        ("standard", b"\x94\x01\xa1a\xa0\x90"),
        ("article", b"\x94\x01\xa1e\xa0\x90"),
    ):
        yield vector(
            preset,
            f"state-of-another-order-{preset}",
            "State that rules of the other order wrote means something else, and is left alone.",
            [good._replace(error="EPROFILE")],
            before=[["HSET", key, "visitor_id", "alice", "~", packed]],
            stored={"visitor_id": "alice"},
            keeps_ttl=False,
        )
    yield standard(
        "hash-of-another-program",
        "A hash without state was not written by this script.",
        [good._replace(error="EPROFILE")],
        before=[["HSET", key, "name", "value"]],
        stored={"name": "value"},
        keeps_ttl=False,
    )
