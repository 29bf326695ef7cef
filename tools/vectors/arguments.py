"""Arguments that are refused, and calls that do nothing."""

import json
from collections.abc import Iterator

from tools.vectors.builders import PRESETS, Vector, standard, vector
from tools.vectors.calls import Call, Event, key_of, view


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    good = view(0, "A", "home", "e1", "0")
    wrong: list[tuple[str, str, Call]] = [
        ("no-key", "One key is needed.", Call([good], keys=[])),
        (
            "two-keys",
            "One key is all there is.",
            Call([good], keys=[key_of("alice"), key_of("alice", "other")]),
        ),
        ("no-argument", "3 arguments belong to the call.", Call(argv=["alice", ""])),
        (
            "event-too-short",
            "7 arguments belong to an event.",
            Call(argv=["alice", "", "", *good[:-1]]),
        ),
        (
            "event-too-long",
            "A rest that is no whole event is refused.",
            Call(argv=["alice", "", "", *good, "more"]),
        ),
        ("no-visitor-id", "A profile belongs to somebody.", Call([good], visitor="")),
        ("bad-floor", "The floor is digits or empty.", Call([good], stream="s", floor="-1")),
        (
            "bad-record-time",
            "A record's timestamp is up to 15 digits or empty.",
            Call([good._replace(record_ms="1700000000000.0")]),
        ),
        (
            "record-time-too-long",
            "16 digits are more than a double may hold exactly.",
            Call([good._replace(record_ms="1" * 16)]),
        ),
        (
            "501-events",
            "A call has at most 500 events.",
            Call([Event()] * 501),
        ),
    ]
    for text in ("", "-1", "1.0", "1e3", "0x1", " 1", "1" * 16, "one"):
        wrong.append(
            (
                f"bad-offset-{len(wrong) - 9}",
                f"With a stream an offset is 1 to 15 digits, not {json.dumps(text)}.",
                Call([good._replace(offset=text)], stream="s"),
            )
        )
    for preset in PRESETS:
        for name, why, call in wrong:
            yield vector(
                preset,
                name if preset == "standard" else f"{name}-{preset}",
                f"{why} Nothing is written.",
                [call._replace(error="EBADARG")],
                keeps_ttl=False,
            )
    yield standard(
        "no-events-no-visitor",
        "A call without events reads. It answers with nothing for a visitor who is not known.",
        [Call(stream="s", floor="17")],
        keeps_ttl=False,
    )
    first, second = view(0, "A", "home", "e1", "0"), view(1, "B", "prices", "e2", "1")
    for preset in ("standard", "article"):
        yield vector(
            preset,
            f"no-events-{preset}",
            "A call without events answers once: no flags, and the profile of the latest visit.",
            [Call([second], stream="s"), Call([first._replace(offset="2")], stream="s"), Call()],
        )
    yield standard(
        "no-events-no-visit",
        "A visitor whose events had no visit id is read without visit fields.",
        [Call([first._replace(visit_id="")]), Call()],
    )
    yield standard(
        "bad-second-event",
        "A call is applied whole or not at all, and the profile goes on from where it was.",
        [
            Call([good], stream="s"),
            Call(
                [
                    view(1, "A", "prices", "e2", "1"),
                    view(2, "A", "blog", "e3", "2")._replace(record_ms="soon"),
                ],
                stream="s",
                error="EBADARG",
            ),
            Call([view(1, "A", "prices", "e2", "1")], stream="s"),
        ],
    )
