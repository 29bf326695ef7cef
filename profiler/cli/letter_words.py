"""Dead letters in words and tables."""

import base64
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from profiler.ops.rejected.dump import hex_lines
from profiler.ops.rejected.letters import Letter, described
from profiler.ops.units import count_of
from profiler.rules.places import printable

#: Groups of a summary; what the headers of strangers would make beyond counts together.
_GROUPS = 1_000
_DUMPED = 4_096
_NAMES = ("code", "topic", "stage", "version")


def summed(found: Iterable[tuple[Letter, bool]]) -> list[dict[str, Any]]:
    """Dead letters by code, topic, stage and version; the most frequent first.

    Args:
        found: each dead letter, and whether it was replayed.
    """
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for letter, is_replayed in found:
        source = letter.source.topic if letter.source else ""
        name = (letter.code, source, letter.stage, letter.version)
        if name not in rows and len(rows) >= _GROUPS:
            name = ("", "", "", "")
        row = rows.setdefault(
            name,
            {
                **dict(zip(_NAMES, name, strict=True)),
                "letters": 0,
                "replayed": 0,
                "first": None,
                "last": None,
            },
        )
        at = letter.record.timestamp
        row["letters"] += 1
        row["replayed"] += is_replayed
        if at >= 0:
            row["first"] = min(at, row["first"] if row["first"] is not None else at)
            row["last"] = max(at, row["last"] if row["last"] is not None else at)
    return sorted(rows.values(), key=lambda row: -row["letters"])


def summary_table(rows: list[dict[str, Any]], topic: str) -> Table:
    """What `summed` found, for a terminal."""
    table = Table(title=f"dead letters in {printable(topic)}", title_justify="left")
    for name in (*_NAMES, "letters", "replayed", "first", "last"):
        table.add_column(name, justify="right" if name in ("letters", "replayed") else "left")
    for row in rows:
        words = [Text(printable(row[name])) for name in _NAMES]
        numbers = [Text(f"{row[name]:,}") for name in ("letters", "replayed")]
        table.add_row(*words, *numbers, Text(_time(row["first"])), Text(_time(row["last"])))
    return table


def records_table(found: Iterable[tuple[Letter, bool]], topic: str) -> Table:
    """Each dead letter, and whether it was replayed, for a terminal."""
    table = Table(title=f"dead letters in {printable(topic)}", title_justify="left")
    for name in ("place", "time", "code", "stage", "source", "bytes", "replayed", "reason"):
        table.add_column(name, overflow="fold")
    for letter, is_replayed in found:
        told = described(letter)
        source = letter.source
        cells = (
            letter.place,
            _time(letter.record.timestamp),
            letter.code,
            letter.stage,
            f"{source.topic}-{source.partition}:{source.offset}" if source else "",
            "" if told["bytes"] is None else f"{told['bytes']:,}",
            "yes" if is_replayed else "",
            letter.reason,
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def words_of(letter: Letter, today: dict[str, Any]) -> Iterator[str]:
    """One dead letter, line by line; no line drives a terminal.

    Args:
        letter: the dead letter.
        today: what would become of it; see `profiler.cli.rejected.show`.
    """
    record = letter.record
    yield f"dead letter {letter.place}, {_time(record.timestamp) or 'no timestamp'}"
    yield f"  {printable(letter.code)}: {printable(letter.reason)}"
    reason = f": {printable(today['reason'])}" if "reason" in today else ""
    code = f" ({printable(today['code'])})" if "code" in today else ""
    yield f"  today: {today['verdict']}{code}{reason}"
    yield "headers"
    for name, value in record.headers:
        text = "null" if value is None else printable(value.decode(errors="backslashreplace"))
        yield f"  {printable(name)}: {text}"
    for what, raw in (("key", record.key), ("value", record.value)):
        if raw is None:
            yield f"{what}: null"
            continue
        yield f"{what}: {count_of(len(raw), 'byte')}"
        yield from (f"  {line}" for line in hex_lines(raw[:_DUMPED]))
        if len(raw) > _DUMPED:
            yield f"  … {len(raw) - _DUMPED:,} bytes more: --json has them"


def _time(ms: int | None) -> str:
    if ms is None or ms < 0:
        return ""
    try:
        return f"{datetime.fromtimestamp(ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"  # no calendar has it


def base64_of(raw: bytes | None) -> str | None:
    """Bytes in JSON."""
    return None if raw is None else base64.b64encode(raw).decode()
