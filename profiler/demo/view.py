"""What the demo shows while records pass: a live screen, or plain lines where that cannot be."""

from datetime import UTC, datetime
from time import monotonic
from typing import NamedTuple, Protocol

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from profiler.demo.rate import Rate
from profiler.demo.tally import SeenVisit, Tally

MAX_WIDTH = 110
_FRAME_S = 0.125
_LINE_S = 2.0
#: Rows that are not visits: the rest of the screen, and what was printed before. After the sample
#: that is the advice on what to try.
_OTHER_ROWS = 16
_OTHER_ROWS_AFTER = 28
_FEWEST_VISITS, _MOST_VISITS = 3, 12
_SELECTORS = "\ufe0e\ufe0f"
_SPARKS = "▁▂▃▄▅▆▇█"


class Snapshot(NamedTuple):
    """One moment of the run."""

    tally: Tally
    rate: Rate
    #: Records of the sample; 0 where the sample is through and whatever comes is shown.
    total: int
    elapsed_s: float


class View(Protocol):
    """Shows how it goes."""

    def update(self, snapshot: Snapshot, *, last: bool = False) -> None:
        """Show the moment, if it is time to, or the `last` one."""

    def close(self) -> None:
        """Give the terminal back."""


def view_on(console: Console) -> View:
    """The live screen, or plain lines where the console is no terminal."""
    return LiveView(console) if console.is_terminal else PlainView(console)


class LiveView:
    """Redraws one screen; the last one stays on the terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._drawn_at = 0.0
        self._live = Live(console=console, auto_refresh=False)
        self._live.start()

    def update(self, snapshot: Snapshot, *, last: bool = False) -> None:
        """See `View.update`."""
        now = monotonic()
        if last or now - self._drawn_at >= _FRAME_S:
            self._drawn_at = now
            others = _OTHER_ROWS if snapshot.total else _OTHER_ROWS_AFTER
            rows = min(_MOST_VISITS, max(_FEWEST_VISITS, self._console.height - others))
            picture = screen(snapshot, rows=rows)
            self._live.update(picture, refresh=True)

    def close(self) -> None:
        """See `View.close`."""
        self._live.stop()


class PlainView:
    """Prints a line about every two seconds; none while nothing comes after the sample."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed_at = monotonic()
        self._printed_records = -1

    def update(self, snapshot: Snapshot, *, last: bool = False) -> None:
        """See `View.update`."""
        now = monotonic()
        if not last and now - self._printed_at < _LINE_S:
            return
        if not snapshot.total and snapshot.tally.records == self._printed_records:
            return
        self._printed_at = now
        self._printed_records = snapshot.tally.records
        of = f" of {snapshot.total:,}" if snapshot.total else ""
        counts = [f"{label} {number}" for label, number in _counts(snapshot)[2:]]
        line = f"{snapshot.tally.records:,}{of} records, {', '.join(counts)}"
        self._console.print(f"{snapshot.elapsed_s:5.1f} s  {line}", soft_wrap=True)

    def close(self) -> None:
        """See `View.close`."""


def screen(snapshot: Snapshot, *, rows: int) -> RenderableType:
    """The whole live screen."""
    body = Group(
        _progress(snapshot),
        Text(),
        _tiles(snapshot),
        Text(),
        _visits(snapshot.tally, rows),
    )
    return Panel(
        body,
        title="[bold]visitor profiler[/]",
        subtitle="[dim]tracking_processed → Redis Lua → tracking_persisted[/]",
        box=box.ROUNDED,
        border_style="cyan",
        padding=(0, 1),
    )


def printable(text: str) -> str:
    """A text of a record as a terminal may get it.

    Control characters would do what they say, and terminals disagree on the width of an emoji
    with a variation selector.
    """
    return "".join(c for c in text if c.isprintable() and c not in _SELECTORS)


def _progress(snapshot: Snapshot) -> RenderableType:
    line = Table.grid(expand=True, padding=(0, 1))
    history = snapshot.rate.history()
    if not snapshot.total:
        line.add_column(no_wrap=True)
        line.add_column(no_wrap=True, justify="right")
        line.add_row(
            Text("live: send a record, see it here; Ctrl-C ends", style="green"), _spark(history)
        )
        return line
    line.add_column(ratio=1)
    line.add_column(no_wrap=True, justify="right")
    line.add_column(no_wrap=True, justify="right", style="dim")
    done = snapshot.tally.records
    line.add_row(
        ProgressBar(total=snapshot.total, completed=done, complete_style="cyan"),
        Text(f"{done:,} / {snapshot.total:,}"),
        f"{snapshot.elapsed_s:4.1f} s",
    )
    return line


def _spark(history: list[int]) -> Text:
    recent = history[-24:]
    top = max([*recent, 1])
    marks = (_SPARKS[round(count / top * (len(_SPARKS) - 1))] for count in recent)
    return Text("".join(marks), style="cyan")


def _counts(snapshot: Snapshot) -> list[tuple[str, str]]:
    tally = snapshot.tally
    numbers = {
        "records/s": round(snapshot.rate.per_second()),
        "records": tally.records,
        "visitors": len(tally.visitors),
        "visits": tally.visits,
        "repeats": tally.repeated,
        "corrected": tally.corrected,
        "anonymous": tally.anonymous,
        "rejected": tally.rejected,
    }
    return [(label, f"{number:,}") for label, number in numbers.items()]


def _tiles(snapshot: Snapshot) -> Table:
    tiles = Table.grid(expand=True, padding=(0, 1, 0, 0))
    counts = _counts(snapshot)
    for _ in counts:
        tiles.add_column(justify="center", no_wrap=True)
    styles = ["bold cyan", "bold", "bold", "bold", "yellow", "magenta", "dim", "dim"]
    if snapshot.tally.rejected:
        styles[-1] = "bold red"
    numbers = zip(counts, styles, strict=True)
    tiles.add_row(*(Text(number, style=style) for (_, number), style in numbers))
    tiles.add_row(*(Text(label, style="dim") for label, _ in counts))
    return tiles


def _visits(tally: Tally, rows: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, expand=True, padding=(0, 1), pad_edge=False)
    table.add_column("time", no_wrap=True, style="dim", width=8)
    table.add_column("visit", no_wrap=True, justify="right", width=5)
    table.add_column("visitor", no_wrap=True, width=9)
    table.add_column("entry page", no_wrap=True, overflow="ellipsis", ratio=1)
    latest = list(tally.latest)[:rows]
    for visit in latest:
        table.add_row(*_visit_row(tally, visit))
    for _ in range(rows - len(latest)):
        table.add_row()
    return table


def _visit_row(tally: Tally, visit: SeenVisit) -> list[Text]:
    number = visit.profile.get(tally.names.number)
    entry = visit.profile.get(tally.names.entry)
    page = Text(printable(str(entry))) if entry else Text("no page view yet", style="dim italic")
    if visit.corrected:
        page.append("  corrected", style="magenta")
    return [
        Text(f"{datetime.fromtimestamp(visit.opened / 1_000, tz=UTC):%H:%M:%S}"),
        Text("-" if number is None else f"#{number}"),
        Text("returning", style="yellow") if visit.returning else Text("new", style="green"),
        page,
    ]
