"""The options that say which dead letters are meant."""

import re
import time
from typing import Annotated

import typer

from profiler.kafka.admin.tail import Span
from profiler.ops.rejected.filters import Filters
from profiler.ops.units import FOREVER, milliseconds_of
from profiler.records.times import read_time

Codes = Annotated[
    list[str] | None, typer.Option("--code", help="Only with this error-code; may be repeated.")
]
Stages = Annotated[
    list[str] | None, typer.Option("--stage", help="Only of this stage; may be repeated.")
]
SourceTopic = Annotated[str, typer.Option("--topic", help="Only from this source-topic.")]
Partition = Annotated[
    int | None, typer.Option("--partition", min=0, help="Only from this source-partition.")
]
First = Annotated[
    int | None, typer.Option("--from-offset", min=0, help="The lowest source-offset.")
]
Last = Annotated[int | None, typer.Option("--to-offset", min=0, help="The highest source-offset.")]
Since = Annotated[
    str,
    typer.Option(
        "--since",
        help="No earlier record timestamps: so long ago, e.g. 2h, or a time, 2026-11-27T08:00.",
    ),
]
Until = Annotated[str, typer.Option("--until", help="Only earlier record timestamps; likewise.")]
HeaderPairs = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="NAME=VALUE", help="Only with this header; may be repeated."),
]

_PLACE = re.compile(r"([0-9]{1,9}):([0-9]{1,18})")


def filters_of(  # noqa: PLR0917 - as the commands have them
    codes: list[str] | None,
    stages: list[str] | None,
    topic: str,
    partition: int | None,
    first: int | None,
    last: int | None,
    since: str,
    until: str,
    headers: list[str] | None,
) -> Filters:
    """What the options mean.

    Raises:
        typer.BadParameter: one of them means nothing.
    """
    return Filters(
        frozenset(codes or ()),
        frozenset(stages or ()),
        topic,
        partition,
        first,
        last,
        time_of(since, "--since"),
        time_of(until, "--until"),
        frozenset(map(_pair_of, headers or ())),
    )


def span_of(place: str) -> dict[int, Span]:
    """The one record that PARTITION:OFFSET names.

    Raises:
        typer.BadParameter: it names none.
    """
    found = _PLACE.fullmatch(place)
    if found is None:
        raise typer.BadParameter(
            "expected two numbers with a colon between, e.g. 0:17", param_hint="PARTITION:OFFSET"
        )
    partition, offset = int(found[1]), int(found[2])
    return {partition: Span(offset, offset + 1)}


def time_of(text: str, option: str) -> int | None:
    """A time, ms, or so long ago; None where nothing is given, or "forever".

    Raises:
        typer.BadParameter: it is neither.
    """
    if not text:
        return None
    try:
        ago_ms = milliseconds_of(text)
    except ValueError:
        at = read_time(text)
        if at is None:
            raise typer.BadParameter(
                "expected so long ago, e.g. 2h or 7d, or a time, e.g. 2026-11-27T08:00",
                param_hint=option,
            ) from None
        return at
    return None if ago_ms == FOREVER else time.time_ns() // 1_000_000 - ago_ms


def _pair_of(text: str) -> tuple[str, bytes]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise typer.BadParameter("expected name=value", param_hint="--header")
    return name, value.encode(errors="surrogateescape")
