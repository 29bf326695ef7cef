"""What it costs that two versions of the rules share visitors: in turn, against each alone.

A script that meets the state of other rules has to read which values it holds, and writes it in its
own way. Here every batch is taken by the other rules than the one before.
"""

import argparse
from collections.abc import Sequence

from rich.table import Table

from bench.command import Command, Measured, Session
from bench.counting import Case, Counted, count_instructions
from bench.report import Summary
from bench.traffic import TRAFFICS
from profiler.rules.model import Rules, load_rules
from profiler.rules.rule import Rule
from servers.redis import FLAVOURS

#: What the newer rules have in addition: a text of the visitor and a count of the visit.
_ADDED = (
    {
        "name": "visitor_last_type",
        "scope": "visitor",
        "operation": "last",
        "value": "query-other_eventtype",
    },
    {"name": "visit_titles", "scope": "visit", "operation": "count", "when": "page_view"},
)


def two_versions() -> tuple[Rules, Rules]:
    """`lean`, and `lean` with two more fields."""
    lean = load_rules("lean")
    added = [Rule.model_validate(rule) for rule in _ADDED]
    return lean, lean.model_copy(update={"fields": [*lean.fields, *added]})


def _add_options(parser: argparse.ArgumentParser) -> None:
    for name, all_of in (("traffic", tuple(TRAFFICS)), ("server", FLAVOURS)):
        parser.add_argument(
            f"--{name}", nargs="+", choices=all_of, default=all_of, help="default: all"
        )


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    cases = [Case("lean", traffic) for traffic in options.traffic]
    older, newer = two_versions()
    rows = []
    for flavour in options.server:
        alone, other, in_turn = (
            count_instructions(flavour, cases, batches=4, rules=rules, say=session.console.print)
            for rules in ([older], [newer], [older, newer])
        )
        rows += [_summary(case, alone[case], other[case], in_turn[case]) for case in cases]
    return Measured({"rows": rows}, [_table(rows)])


def _summary(case: Case, alone: Counted, other: Counted, in_turn: Counted) -> Summary:
    return {
        "server": alone.server,
        "traffic": case.traffic,
        "events_per_call": alone.events / alone.calls,
        "older_per_event": round(alone.per_event),
        "newer_per_event": round(other.per_event),
        "in_turn_per_event": round(in_turn.per_event),
        "ratio": in_turn.per_event / ((alone.per_event + other.per_event) / 2),
    }


def _table(rows: Sequence[Summary]) -> Table:
    table = Table(
        caption="thousands of instructions an event; ratio: in turn to the mean of both alone"
    )
    for title in ("server", "events/call", "lean", "two fields more", "in turn", "ratio"):
        table.add_column(title)
    for row in rows:
        table.add_row(
            row["server"],
            f"{row['events_per_call']:.1f}",
            *(f"{row[f'{name}_per_event'] / 1_000:.1f}" for name in ("older", "newer", "in_turn")),
            f"{row['ratio']:.1f}",
        )
    return table


COMMAND = Command(
    help="instructions where two versions of the rules take the same visitors in turn",
    add_options=_add_options,
    measure=_measure,
)
