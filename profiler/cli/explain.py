"""`profiler explain`: what the rules make of a record, and why."""

import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from typing import Annotated, Any

import orjson
import typer

from profiler.cli import EXIT_FAILED
from profiler.cli.options import (
    ConfigFile,
    InputKind,
    RulesName,
    mode_of,
    on_own_server,
    script_from,
    settings_from,
)
from profiler.ops.explain.record import Explainer
from profiler.ops.explain.scratch import Scratch
from profiler.records.types import Record
from profiler.rules.model import load_rules
from profiler.rules.places import printable
from profiler.servers.embedded import EmbeddedStore
from profiler.service import logs
from profiler.worker.pipe_input import open_lines
from profiler.worker.pipe_lines import BadLine, batches_of, line_limits

_MARKS = {True: "yes", False: "no", None: ""}


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(explain)


def explain(
    *,
    input_: InputKind = "processed",
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON object for each record, for programs.")
    ] = False,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: Annotated[
        str | None,
        typer.Option(
            "--redis",
            help="redis:// URL: profiles begin as they are stored there; nothing is written there."
            " Without it all visitors are new, whatever redis.url is.",
        ),
    ] = None,
) -> None:
    """Say what the rules make of records from standard input, and why.

    The records are values of tracking_processed, or lines as profiler pipe takes them: one JSON
    object, or one a line, which are folded in their order. All of it happens on a private server
    that is thrown away. Shown are the flattened event, its derived inputs, the identity and the
    time that were chosen, each predicate with its conditions, each field before and after, and what
    becomes of triggers.

    Examples: profiler explain < record.json, and with the stored profile as it is now:
    profiler explain --rules my.toml --redis redis://host:6379 < record.json
    """
    logs.configure("warning")
    settings = settings_from(config, rules=rules, redis=redis, without_kafka=True)
    loaded = load_rules(settings.rules)
    lines = open_lines(io.BytesIO(b"\n".join(_lines(sys.stdin.buffer.read()))))
    is_right = False
    with ExitStack() as stack:
        url = stack.enter_context(EmbeddedStore()).url
        script_of = partial(script_from, on_own_server(settings, url))
        origin = settings.redis if redis is not None else None
        scratch = Scratch(url, loaded, script_of, origin=origin)
        stack.enter_context(closing(scratch))
        explainer = Explainer(mode_of(input_), settings, loaded, scratch)
        for batch in batches_of(lines, 1, line_limits(settings)):
            for item in batch:
                told = _told(item, explainer)
                is_right = is_right or "rejected" not in told
                text = json.dumps(told, ensure_ascii=False) if as_json else "\n".join(_words(told))
                typer.echo(text)
    if not is_right:
        raise typer.Exit(EXIT_FAILED)


def _lines(text: bytes) -> Iterator[bytes]:
    """Lines as `profiler pipe` takes them; of one object or of one a line, and of values alone."""
    try:
        texts = [orjson.dumps(orjson.loads(text))]
    except orjson.JSONDecodeError:
        texts = text.splitlines()
    for line in texts:
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError:
            yield line  # it is refused with its place
            continue
        is_value = isinstance(found, dict) and not isinstance(found.get("value", ()), dict | None)
        yield b'{"value":%b}' % line if is_value else line


def _told(item: Record | BadLine, explainer: Explainer) -> dict[str, Any]:
    """As plain data."""
    if isinstance(item, BadLine):
        return {"record": item.line, "rejected": {"code": item.code, "reason": item.reason}}
    found = explainer.explain(item)
    told: dict[str, Any] = _plain(found)
    if found.rejected is None:
        del told["rejected"]
    return told


def _plain(found: Any) -> Any:  # noqa: ANN401 - named tuples in each other
    if hasattr(found, "_asdict"):
        return {name: _plain(value) for name, value in found._asdict().items()}
    return [_plain(each) for each in found] if isinstance(found, list) else found


def _words(told: dict[str, Any]) -> Iterator[str]:
    yield f"record {told['record']}"
    if rejected := told.get("rejected"):
        yield f"  rejected: {rejected['code']}: {rejected['reason']}"
    if not told.get("flat"):
        if not told.get("rejected"):
            yield "  nothing in it: nothing is profiled"
        return
    yield "  flattened"
    yield from _columns([(name, _shown(value)) for name, value in told["flat"].items()])
    if told["derived"]:
        yield "  derived"
        yield from _columns([(name, _shown(value)) for name, value in told["derived"].items()])
    yield "  identity"
    yield from _columns(
        [(e["key"], e["field"], _shown(e["value"]), e["verdict"]) for e in told["identity"]]
    )
    if not told["fields"]:
        yield "  no visitor id: it passes without a profile"
        return
    if time := told["time"]:
        yield f"  time: {time['iso'] or 'not known'}: {time['why']}"
    yield "  predicates"
    for predicate in told["predicates"]:
        yield f"    {predicate['name']}: {_MARKS[predicate['holds']]}"
        yield from _conditions(predicate["conditions"], "      ")
    yield f"  profile {printable(told['key'])}, flags: {' '.join(told['flags']) or 'none'}"
    rows = [("field", "rule", "taken", "before", "after")]
    for field in told["fields"]:
        before, after = _shown(field["before"]), _shown(field["after"])
        after = "" if before == after else after
        rows.append((field["name"], field["rule"], _MARKS[field["takes"]], before, after))
    yield from _columns(rows)
    if told["triggers"]:
        yield "  triggers"
        yield from _columns(
            [(t["name"], t["scope"], "; ".join(t["when"]), t["state"]) for t in told["triggers"]]
        )


def _conditions(conditions: Iterable[dict[str, Any]], indent: str) -> Iterator[str]:
    for each in conditions:
        yield f"{indent}{_MARKS[each['holds']]:3} {printable(each['words'])}"
        yield from _conditions(each["parts"], indent + "  ")


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    plain = [tuple(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*plain, strict=True)]
    for row in plain:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        yield "    " + "  ".join(cells).rstrip()


def _shown(value: object) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)
