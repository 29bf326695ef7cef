"""What derived inputs cost a worker: µs of its CPU an event, remembered and not."""

import argparse
import time
from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from bench.calls import flat_events
from bench.command import Command, Measured, Session, positive
from bench.report import Summary, spread
from bench.traffic import make_traffic, read_templates
from profiler.rules.derived.inputs import PAGES, DerivedInputs
from profiler.rules.derived.table import Derived

URL, AGENT = "query-other_page_url", "user_agent"
TABLE = Derived(url=URL, referrer="query-other_page_referrer", user_agent=AGENT)

#: The capture has no user agents: of these each visitor has one.
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/150.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
)

#: What is measured: the row that has an aim first.
ROWS = {
    "all of the aim": (
        *("host", "path", "referrer_kind", "source", "medium", "campaign", "channel", "bot"),
    ),
    "standard": ("source", "medium", "campaign", "click_id", "channel"),
    "channel": ("channel",),
    "host and path": ("host", "path"),
    "bot": ("bot",),
}


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=positive, default=5, help="default: 5")
    parser.add_argument(
        "--records", type=positive, default=20_000, help="events of a round (default: 20000)"
    )


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    rows = [_row(name, options) for name in ROWS]
    session.console.print(f"{options.rounds} rounds of {options.records} events done")
    return Measured({"derived": rows}, [_table(rows)])


def _row(name: str, options: argparse.Namespace) -> Summary:
    warm, sample, cold, shares = [], [], [], []
    for _ in range(options.rounds):
        inputs = _inputs(name)
        sample.append(_us(inputs, _sample()))
        pages, agents = inputs.remembered()
        looked = pages.hits + pages.misses + agents.hits + agents.misses
        shares.append((pages.hits + agents.hits) / looked)
        first, again = _events(options.records), _events(options.records)
        inputs = _inputs(name)
        cold.append(_us(inputs, _all_different(again[: PAGES // 2])))
        _us(inputs, first)
        warm.append(_us(inputs, again))
    return {
        "name": name,
        "warm_us": spread(warm),
        "sample_us": spread(sample),
        "remembered": spread(shares),
        "cold_us": spread(cold),
    }


def _inputs(name: str) -> DerivedInputs:
    inputs = DerivedInputs(TABLE, [f"derived.{each}" for each in ROWS[name]])
    inputs.of({URL: "/", AGENT: "any"})  # the tables are read once
    return inputs


def _sample() -> list[dict[str, Any]]:
    """The sample's events, once and in their own order."""
    templates = read_templates()
    return list(_with_agents(make_traffic(templates, "twenty", len(templates))))


def _events(count: int) -> list[dict[str, Any]]:
    """Flattened events, their texts new: a text that was looked at before has its hash ready."""
    return list(_with_agents(make_traffic(read_templates(), "three", count)))


def _with_agents(records: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for record, event in zip(records, flat_events(records), strict=True):
        agent = AGENTS[sum(record.visitor.encode()) % len(AGENTS)]
        yield event.fields | {AGENT: agent.encode().decode()}


def _all_different(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """No address and no user agent of theirs is like another one."""
    return [
        event | {URL: f"{event[URL]}#{number}", AGENT: f"{event[AGENT]} {number}"}
        for number, event in enumerate(events)
    ]


def _us(inputs: DerivedInputs, events: Sequence[dict[str, Any]]) -> float:
    begin = time.process_time()
    for event in events:
        inputs.of(event)
    return 1e6 * (time.process_time() - begin) / len(events)


def _table(rows: Sequence[Summary]) -> Table:
    table = Table(
        caption="µs of the worker's CPU an event: median (min to max); warm: address, referrer and"
        " user agent are remembered; sample: the sample in its order, with the share that was"
        " remembered; cold: each one is new"
    )
    for title in ("inputs", "warm µs", "sample µs", "remembered", "cold µs"):
        table.add_column(title)
    for row in rows:
        warm, sample, cold = (
            f"{us['median']:.1f} ({us['min']:.1f} to {us['max']:.1f})"
            for us in (row["warm_us"], row["sample_us"], row["cold_us"])
        )
        table.add_row(row["name"], warm, sample, f"{row['remembered']['median']:.0%}", cold)
    return table


COMMAND = Command(
    help="what derived inputs cost a worker, remembered and not",
    add_options=_add_options,
    measure=_measure,
)
