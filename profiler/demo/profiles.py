"""A few finished profiles: which are worth a look, and how they look."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from profiler.demo.tally import SeenVisit, SeenVisitor, Tally
from profiler.demo.view import printable
from profiler.rules.shown import Names

_MOST_VISITS = 8


class Pick(NamedTuple):
    """A visitor worth a look, and why."""

    visitor_id: str
    why: str


def pick(tally: Tally) -> list[Pick]:
    """Up to three visitors: the most visits, the most corrections, visits that interleave."""
    picks: list[Pick] = []

    def add(reason: str, count_of: Callable[[SeenVisitor], int]) -> None:
        taken = {chosen.visitor_id for chosen in picks}
        counts = {name: count_of(v) for name, v in tally.visitors.items() if name not in taken}
        best = max(counts, key=lambda name: counts[name], default="")
        if counts.get(best):
            picks.append(Pick(best, reason))

    add("the most visits of all", lambda visitor: len(visitor.visits))
    add("an entry page was corrected by a late event", lambda visitor: visitor.corrected)
    add(
        "interleaved visits, repeated events",
        lambda visitor: visitor.interleaved * (1 + visitor.repeated),
    )
    return picks


def profile_panel(
    chosen: Pick, stored: Mapping[str, Any], visitor: SeenVisitor, names: Names
) -> RenderableType:
    """One visitor: the stored profile in two columns, and every visit that was seen.

    Args:
        chosen: the visitor and the reason.
        stored: the profile as Redis has it, i.e. with its latest visit.
        visitor: what was seen of it in the output.
        names: of the rules.
    """
    sides = Table.grid(expand=True, padding=(0, 2, 0, 0))
    sides.add_column(ratio=1)
    sides.add_column(ratio=1)
    sides.add_row(*(_fields(scope, stored, names) for scope in ("visitor", "visit")))
    counts = {
        "records": visitor.records,
        "repeats": visitor.repeated,
        "corrected": visitor.corrected,
    }
    facts = [f"{count:,} {what}" for what, count in counts.items() if count]
    return Panel(
        Group(sides, Text(), _visits(list(visitor.visits.values()), names)),
        title=Text.assemble(("visitor ", "dim"), (chosen.visitor_id, "bold cyan")),
        subtitle=Text(f"{chosen.why}: {', '.join(facts)}", style="dim"),
        box=box.ROUNDED,
        border_style="dim",
        padding=(0, 1),
    )


def _fields(scope: str, stored: Mapping[str, Any], names: Names) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    titles = {"visitor": "the visitor", "visit": "the latest visit"}
    table.add_row(Text(titles[scope], style="bold"), "")
    for field in names.fields:
        if field.scope == scope and field.name != names.visitor and field.name in stored:
            value = _readable(field.name, stored[field.name], names)
            table.add_row(field.name.removeprefix(f"{scope}_"), Text(value))
    return table


def _visits(visits: list[SeenVisit], names: Names) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, expand=True, padding=(0, 1), pad_edge=False)
    table.add_column("visit", no_wrap=True, justify="right", width=5)
    table.add_column("entry page", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("last page", no_wrap=True, overflow="ellipsis", ratio=1)
    left_out = len(visits) - _MOST_VISITS
    if left_out > 0:
        table.add_row("…", Text(f"{left_out} earlier visits", style="dim"))
    for visit in visits[-_MOST_VISITS:]:
        number = visit.profile.get(names.number)
        entry = Text(_page(visit, names.entry), style="magenta" if visit.corrected else "")
        table.add_row(
            "-" if number is None else f"#{number}", entry, Text(_page(visit, names.last))
        )
    return table


def _page(visit: SeenVisit, name: str) -> str:
    page = visit.profile.get(name)
    return "-" if page is None else printable(str(page))


def _readable(name: str, value: object, names: Names) -> str:
    if name in names.times and isinstance(value, int):
        return datetime.fromtimestamp(value / 1_000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))
