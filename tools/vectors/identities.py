"""Event ids of exactly six bytes, which stand for themselves."""

import hashlib
from collections.abc import Iterator

from tools.vectors.builders import Vector, lean
from tools.vectors.calls import Text, click, one_by_one


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield lean(
        "id-of-6-bytes-is-not-hashed",
        "An event id of exactly 6 bytes is taken as it is. These are the first 6 bytes of the "
        "SHA-1 of 'e1', so the second event is a repeat: a caller may hash by itself.",
        one_by_one(
            click(0, "A", "e1"),
            click(0, "A", sha1_of("e1")),
            click(0, "A", "e1"),
            click(1, "A", "e2"),
        ),
    )
    yield lean(
        "id-of-6-bytes-first",
        "The same the other way round, and among the events without a visit.",
        one_by_one(click(0, "", sha1_of("e1")), click(0, "", "e1"), click(0, "", sha1_of("e1"))),
    )
    ids = ("abcde", "abcdef", "abcdefg", "ééé", "éééééé")
    both: list[Text] = [*ids, *map(sha1_of, ids)]
    yield lean(
        "ids-of-5-6-and-7-bytes",
        "Only 6 bytes make the difference, not 6 characters: 'ééé' has 6 bytes, 'éééééé' 12.",
        one_by_one(*(click(n, "A", event_id) for n, event_id in enumerate(both))),
    )
    yield lean(
        "id-of-6-bytes-of-any-kind",
        "Six bytes need be no text: NUL and bytes that are no UTF-8 count.",
        one_by_one(
            *(
                click(n, "A", event_id)
                for n, event_id in enumerate(
                    (*(b"\0\0\0\0\0\0", b"\xff\xfe\xfd\xfc\xfb\xfa", b"\0\0\0\0\0\x01"),) * 2
                )
            )
        ),
    )
    yield lean(
        "id-of-6-bytes-straddles-two-others",
        "'cdefgh' stands in 'abcdef' and 'ghijkl' only across their border: no repeat.",
        one_by_one(
            *(click(n, "A", i) for n, i in enumerate(("abcdef", "ghijkl", "cdefgh", "cdefgh")))
        ),
    )


def sha1_of(text: str) -> bytes:
    """The 6 bytes that stand for an id of another length."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).digest()[:6]
