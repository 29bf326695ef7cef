"""Arguments that are refused: nothing is moved."""

import json
from collections.abc import Iterator

from tools.vectors.builders import PRESETS, Vector, lean, vector
from tools.vectors.calls import Call, Event, key_of, view

#: No whole numbers from 0 to 10^15 in any spelling.
NO_DIGITS = ("", "-1", "1.5", "1e-1", "0x", "1" * 16, "one", "nan", "inf", "1,0", "1 1", "٣")
OTHER_KEY = key_of("alice", "other")


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    for preset in PRESETS:
        for name, why, call in wrong_calls():
            yield vector(
                preset,
                name if preset == "lean" else f"{name}-{preset}",
                f"{why} Nothing is written.",
                [call._replace(error="EBADARG")],
                keeps_ttl=False,
            )
    yield lean(
        "bad-second-event",
        "A call is applied whole or not at all, and the profile goes on from where it was.",
        [
            Call([view(0, "A", "home", "e1", "0")], stream="s"),
            Call(
                [
                    view(1, "A", "prices", "e2", "1"),
                    view(2, "A", "blog", "e3", "2")._replace(received="soon"),
                ],
                stream="s",
                error="EBADARG",
            ),
            Call([view(1, "A", "prices", "e2", "1")], stream="s"),
        ],
    )


def wrong_calls() -> Iterator[tuple[str, str, Call]]:
    """What is refused whatever the rules: name, why, and the call."""
    good = view(0, "A", "home", "e1", "0")
    event = good.arguments()
    keys = [key_of("alice"), OTHER_KEY]
    yield "no-key", "One key is needed.", Call([good], keys=[])
    yield (
        "three-keys",
        "The second key is the last one.",
        Call([good], keys=[*keys, f"{OTHER_KEY}s"]),
    )
    yield "read-without-key", "A read needs one key.", Call(argv=["alice", ""], keys=[])
    three = [*keys, f"{OTHER_KEY}s"]
    yield "read-with-three-keys", "A read needs one key.", Call(argv=["alice", ""], keys=three)
    yield "fields-with-two-keys", "One key is all there is.", Call(argv=["fields"], keys=keys)
    yield "no-argument", "A call says what it wants.", Call(argv=[])
    yield "no-argument-and-no-key", "A call says what it wants.", Call(argv=[], keys=[])
    for number, word in enumerate(("field", "FIELDS", "", "fields "), 1):
        yield f"one-argument-{number}", f"'{word}' is no call.", Call(argv=[word])
    yield (
        "three-arguments",
        "A read has 2 arguments, events 4 and more.",
        Call(argv=["alice", "", ""]),
    )
    yield "no-visitor-id", "A profile belongs to somebody.", Call([good], visitor="")
    yield "read-no-visitor-id", "A profile belongs to somebody.", Call(argv=["", ""])
    yield "no-events", "A call with events has at least one.", Call([])
    for number, text in enumerate(NO_DIGITS, 1):
        yield (
            f"bad-count-{number}",
            f"The number of events is digits, not {json.dumps(text)}.",
            Call(argv=["alice", "", "", text, *event]),
        )
    yield "count-too-small", "Behind the events nothing stands yet.", _counted("1", event * 2)
    yield "count-too-large", "As many events as were said follow.", _counted("3", event * 2)
    yield "event-too-short", "All arguments of an event are there.", _counted("1", event[:-1])
    yield "event-too-long", "Behind the events nothing stands yet.", _counted("1", [*event, "more"])
    yield (
        "second-event-too-short",
        "All arguments of an event are there.",
        _counted("2", [*event, *event[:-1]]),
    )
    yield "501-events", "A call has at most 500 events.", Call([Event()] * 501)
    for number, text in enumerate(NO_DIGITS[1:], 1):
        yield (
            f"bad-floor-{number}",
            f"The floor is up to 15 digits or empty, not {json.dumps(text)}.",
            Call([good], stream="s", floor=text),
        )
        yield (
            f"bad-received-{number}",
            f"A received time is up to 15 digits or empty, not {json.dumps(text)}.",
            Call([good._replace(received=text)]),
        )
    for number, text in enumerate(NO_DIGITS, 1):
        yield (
            f"bad-offset-{number}",
            f"With a stream an offset is 1 to 15 digits, not {json.dumps(text)}.",
            Call([good._replace(offset=text)], stream="s"),
        )


def _counted(count: str, arguments: list[str | bytes]) -> Call:
    return Call(argv=["alice", "", "", count, *arguments])
