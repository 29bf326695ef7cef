"""State that the script must leave alone."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, standard, vector
from tools.vectors.calls import Call, key_of, view


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    good = Call([view(0, "A", "home", "e1")])
    key = key_of("alice")
    for preset in ("standard", "article"):
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
        yield vector(
            preset,
            f"damaged-state-{preset}",
            "State that cannot be read costs this visitor's events only, and is left alone.",
            [good._replace(error="EPROFILE")],
            before=[["HSET", key, "visitor_id", "alice", "~", b"\xc1\xff"]],
            stored={"visitor_id": "alice"},
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
