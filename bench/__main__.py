"""The command line: `python -m bench`."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from rich import box
from rich.console import Console

from bench import (
    cluster,
    cost,
    derived,
    flame,
    growth,
    instructions,
    latency,
    metrics,
    recovery,
    scale,
    serve,
    shares,
    stages,
    stored,
    throughput,
    versions,
)
from bench.command import Command, Session
from bench.errors import BenchError
from bench.machine import command_line, describe_machine
from profiler.errors import ProfilerError
from servers import MissingServerError

COMMANDS: dict[str, Command] = {
    "throughput": throughput.COMMAND,
    "cost": cost.COMMAND,
    "derived": derived.COMMAND,
    "instructions": instructions.COMMAND,
    "shares": shares.COMMAND,
    "stages": stages.COMMAND,
    "versions": versions.COMMAND,
    "flame": flame.COMMAND,
    "growth": growth.COMMAND,
    "stored": stored.COMMAND,
    "latency": latency.COMMAND,
    "scale": scale.COMMAND,
    "cluster": cluster.COMMAND,
    "metrics": metrics.COMMAND,
    "recovery": recovery.COMMAND,
    "serve": serve.COMMAND,
}
DEFAULT = "throughput"

#: Why a measurement ends early; no traceback helps there.
_REASONS = (
    BenchError,
    MissingServerError,
    ProfilerError,
)


def main() -> None:
    """Measure, print, and write the JSON."""
    options = _options(sys.argv[1:])
    # Ctrl-C and an ordinary kill both unwind the stack, which ends every child.
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console() if sys.stdout.isatty() else Console(width=120)
    report: dict[str, Any] = {"command": command_line(), "machine": describe_machine()}
    try:
        with ExitStack() as stack:
            session = Session(console, stack)
            measured = COMMANDS[options.command].measure(options, session)
    except KeyboardInterrupt:
        sys.exit(130)
    except _REASONS as error:
        sys.exit(f"bench: {error}")
    report |= {"versions": session.versions, **measured.report}
    for what in ("machine", "versions"):
        console.print(", ".join(f"{name} {text}" for name, text in report[what].items()))
    console.print(report["command"])
    for table in measured.tables:
        if options.markdown:
            table.box = box.MARKDOWN
        console.print(table)
    output = options.output or Path("build") / _file_of(options.command)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=f"Measure on real servers. Without a command: {DEFAULT}.",
        epilog="python -m bench COMMAND --help lists a command's options",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.help, description=command.help)
        command.add_options(sub)
        sub.add_argument("--markdown", action="store_true", help="print tables as Markdown")
        sub.add_argument("--output", type=Path, help=f"default: build/{_file_of(name)}")
    is_named = bool(arguments) and arguments[0] in (*COMMANDS, "-h", "--help")
    return parser.parse_args([*([] if is_named else [DEFAULT]), *arguments])


def _file_of(command: str) -> str:
    return "bench.json" if command == DEFAULT else f"{command}.json"


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
