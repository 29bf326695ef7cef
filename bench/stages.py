"""Instructions that an event costs the worker, stage by stage, counted by valgrind.

The stages run in turn in one thread, on real servers. Only this thread is counted: what librdkafka
does in threads of its own is not in it. A busy machine does not change the counts.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from bench.broker import Topics
from bench.command import Command, Measured, Session
from bench.errors import BenchError
from bench.layout import keys_of, own_keys, own_topics
from bench.report import Summary
from bench.rounds import Servers
from bench.stage_steps import MARK, STAGES
from bench.traffic import make_traffic, read_templates
from bench.workers import KINDS, missing_engine, settings_environment
from profiler.config.settings import BatchSettings
from profiler.rules.model import PRESETS, load_rules

#: A batch before the counted ones takes what happens once.
_WARM_UP = 2
_COUNTED = 4
_PATIENCE_S = 900
_KINDS = ("librdkafka", "native")


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", nargs="+", choices=_KINDS, default=_KINDS, help="default: all")
    parser.add_argument(
        "--preset", nargs="+", choices=PRESETS, default=PRESETS, help="default: all"
    )


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    if shutil.which("valgrind") is None:
        raise BenchError("install valgrind (Debian: apt-get install valgrind)")
    servers = Servers(session.broker(1), session.store())
    rows = []
    for kind in options.kind:
        if missing := missing_engine(kind):
            session.console.print(f"LEFT OUT: {kind}: {missing}")
            continue
        for preset in options.preset:
            rows.append(_row(servers, kind, preset))
            session.console.print(f"counted {kind}, {preset}")
    return Measured({"rows": rows}, [_table(rows)])


def _row(servers: Servers, kind: str, preset: str) -> Summary:
    size = BatchSettings().max_records
    batches = _WARM_UP + _COUNTED
    records = make_traffic(read_templates(), "three", batches * size)
    keys = keys_of(records, load_rules(preset))
    with own_topics(servers.broker) as (token, topics), own_keys(servers.store, keys):
        servers.broker.fill(topics.processed, records)
        counts = _count(servers, topics, token, {**KINDS[kind], "rules": preset}, batches)
    counted = counts[_WARM_UP * len(STAGES) :]
    return {
        "kind": kind,
        "preset": preset,
        "instructions_per_event": {
            stage: round(sum(counted[place :: len(STAGES)]) / (_COUNTED * size))
            for place, stage in enumerate(STAGES)
        },
    }


def _count(
    servers: Servers, topics: Topics, token: str, settings: dict[str, str], batches: int
) -> list[int]:
    """Instructions between the marks, from the first batch on."""
    # A batch waits for many of valgrind's seconds, and no answer is late.
    patient = {"redis__socket_timeout_s": "600", "kafka__max_poll_interval_ms": "600000"}
    environment = settings_environment(servers.addresses, topics, token, settings | patient)
    with tempfile.TemporaryDirectory() as directory:
        counts = Path(directory) / "counts"
        run = subprocess.run(
            [
                *("valgrind", "--tool=callgrind", "-q", "--separate-threads=yes"),
                *(f"--callgrind-out-file={counts}", f"--dump-before={MARK}"),
                *(sys.executable, "-m", "bench.stage_steps", str(batches)),
            ],
            cwd=Path(__file__).parents[1],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        if run.returncode:
            raise BenchError(f"the stages ended early:\n{run.stderr[-2_000:]}")
        # The first mark ends the start.
        return [
            _total(counts.with_name(f"counts.{number}-01"))
            for number in range(2, 2 + batches * len(STAGES))
        ]


def _total(profile: Path) -> int:
    """What callgrind counted until a mark."""
    lines = profile.read_text(encoding="utf-8", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("totals:"))


def _table(rows: Sequence[Summary]) -> Table:
    table = Table(caption="thousands of instructions an event, of the thread that does the stages")
    table.add_column("stage")
    for row in rows:
        table.add_column(f"{row['kind']}, {row['preset']}", justify="right")
    each = [row["instructions_per_event"] for row in rows]
    for stage in STAGES:
        table.add_row(stage, *(f"{counts[stage] / 1_000:.1f}" for counts in each))
    table.add_row("sum", *(f"{sum(counts.values()) / 1_000:.1f}" for counts in each))
    return table


COMMAND = Command(
    help="instructions of the worker's stages an event, of both engines, under valgrind",
    add_options=_add_options,
    measure=_measure,
)
