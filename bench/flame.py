"""Flame graphs of a worker at full load, of both engines: where Python spends its time.

A thread counts while it has the interpreter's lock: one that waits, for a server or for another
thread, does not. py-spy looks at the worker from outside, also into compiled code. It needs the
right to trace a process, which a container may lack.
"""

import argparse
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from rich.table import Table

from bench.command import Command, Measured, Session, positive
from bench.errors import BenchError
from bench.layout import keys_of, own_keys, own_topics
from bench.rounds import Servers
from bench.traffic import make_traffic, read_templates
from bench.workers import KINDS, Worker, missing_engine, profiler_run
from profiler.rules.model import PRESETS, load_rules
from profiler.servers.processes import wait_until

_KINDS = ("librdkafka", "native")
_SAMPLES_A_SECOND = 250
_TITLE = re.compile(r'(<text id="title"[^>]*)>[^<]*<')
_GIVE_UP_AFTER_S = 120.0


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", nargs="+", choices=_KINDS, default=_KINDS, help="default: all")
    parser.add_argument("--rules", choices=PRESETS, default="standard", help="default: standard")
    parser.add_argument(
        "--records", type=positive, default=300_000, help="to work on (default: 300000)"
    )
    parser.add_argument(
        "--seconds", type=positive, default=5, help="to look at the worker (default: 5)"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("docs/images"),
        help="where flame-KIND.svg goes (default: docs/images)",
    )


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    servers = Servers(session.broker(1), session.store())
    options.folder.mkdir(parents=True, exist_ok=True)
    table = Table()
    table.add_column("flame graph")
    files = []
    for kind in options.kind:
        if missing := missing_engine(kind):
            session.console.print(f"LEFT OUT: {kind}: {missing}")
            continue
        file = options.folder / f"flame-{kind}.svg"
        _draw(servers, options, kind, file)
        files.append(str(file))
        table.add_row(str(file))
    return Measured({"files": files}, [table])


def _draw(servers: Servers, options: argparse.Namespace, kind: str, file: Path) -> None:
    records = make_traffic(read_templates(), "three", options.records)
    keys = keys_of(records, load_rules(options.rules))
    settings = {**KINDS[kind], "rules": options.rules, "delivery": "at-least-once"}
    with ExitStack() as stack:
        token, topics = stack.enter_context(own_topics(servers.broker))
        stack.enter_context(own_keys(servers.store, keys))
        servers.broker.fill(topics.processed, records)
        worker = stack.enter_context(profiler_run(settings, servers.addresses, topics, token))

        def is_warm() -> bool:
            count = servers.broker.counts([topics.persisted])[topics.persisted]
            return count > options.records // 20 or not worker.running

        wait_until(is_warm, timeout=_GIVE_UP_AFTER_S, interval=0.1)
        _look(worker, f"{kind}, {options.rules}", options.seconds, file)


def _look(worker: Worker, worker_name: str, seconds: int, file: Path) -> None:
    py_spy = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if py_spy is None:
        raise BenchError("install py-spy (make setup)")
    run = subprocess.run(
        [
            *(py_spy, "record", "--gil", "--native", "--pid", str(worker.pid)),
            *("--output", str(file)),
            *("--rate", str(_SAMPLES_A_SECOND), "--duration", str(seconds)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise BenchError(
            f"py-spy could not look at the worker:\n{run.stderr}{worker.last_output()}"
        )
    # The title is the command, with the paths and the process of this machine.
    drawn = file.read_text(encoding="utf-8")
    title = f">py-spy record --gil --native, {worker_name}<"
    file.write_text(_TITLE.sub(lambda found: found[1] + title, drawn, count=1), encoding="utf-8")


COMMAND = Command(
    help="flame graphs of a worker of each engine at full load, into docs/images",
    add_options=_add_options,
    measure=_measure,
)
