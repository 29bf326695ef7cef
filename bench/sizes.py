"""How many bytes a visitor takes in memory."""

import argparse
from collections.abc import Sequence
from itertools import product

from rich.table import Table

from bench.command import Session
from bench.populate import Crowd, captured_inputs, populate
from bench.report import Summary
from bench.traffic import Template
from profiler.rules.model import load_rules

#: What `docs/operations.md` recommends, beside the default.
_VALUE_LIMITS = {"default": (), "2048": ("--hash-max-listpack-value", "2048")}


def measure_sizes(
    options: argparse.Namespace,
    session: Session,
    templates: list[Template],
    presets: Sequence[str],
) -> list[Summary]:
    """Fill servers of our own, one after the other.

    Args:
        options: `server`, `visitors` (two visits of ten events each) and `full_visitors`.
        session: starts the servers.
        templates: the visitors' pages.
        presets: one after the other.
    """
    windows = load_rules("standard").limits
    crowds = [
        Crowd(options.visitors, visits=2, events=10),
        Crowd(options.full_visitors, visits=windows.visits, events=windows.event_ids),
    ]
    found = []
    for flavour, (limit, arguments) in product(options.server, _VALUE_LIMITS.items()):
        store = session.private_store(*arguments, flavour=flavour)
        for preset, crowd in product(presets, crowds):
            what = f"{flavour}, {preset}, {crowd.visitors} visitors, {limit}"
            session.console.print(f"memory: {what}")
            rules = load_rules(preset)
            empty = store.used_bytes()
            populate(store, rules, crowd, captured_inputs(rules, templates))
            keys = crowd.keys(rules)
            grown = store.used_bytes() - empty
            found.append(
                {
                    "server": flavour,
                    "preset": preset,
                    "hash_max_listpack_value": limit,
                    **crowd._asdict(),
                    "bytes_per_visitor": round(store.bytes_per_key(keys)),
                    "used_memory_per_visitor": round(grown / crowd.visitors),
                    "encodings": store.encodings(keys),
                }
            )
            store.empty()
    return found


def size_table(sizes: Sequence[Summary]) -> Table:
    """What is printed."""
    table = Table(caption="bytes per visitor: MEMORY USAGE; all: growth of used_memory")
    for title in (
        "server",
        "preset",
        "visitors",
        "visits x events",
        "listpack-value",
        "bytes",
        "all",
    ):
        table.add_column(title)
    table.add_column("encodings")
    for row in sizes:
        table.add_row(
            row["server"],
            row["preset"],
            f"{row['visitors']:,}",
            f"{row['visits']} x {row['events']}",
            row["hash_max_listpack_value"],
            f"{row['bytes_per_visitor']:,}",
            f"{row['used_memory_per_visitor']:,}",
            ", ".join(f"{name} {count:,}" for name, count in row["encodings"].items()),
        )
    return table
