"""The command `check`: a table of what a worker needs, and what to do where it is missing."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from profiler import __version__
from profiler.cli import EXIT_CONFIG, EXIT_FAILED
from profiler.cli.options import Brokers, ConfigFile, RedisUrl, RulesName, settings_from
from profiler.config.settings import Mode, Settings
from profiler.errors import ConfigError
from profiler.ops.check.findings import CONFIGURATION, Finding, Status, has_failed, is_misconfigured
from profiler.ops.check.kafka import check_kafka
from profiler.ops.check.redis import check_redis
from profiler.rules.model import Rules, load_rules
from profiler.service import logs

_STYLES = {
    Status.OK: "green",
    Status.WARNING: "yellow",
    Status.FAILED: "bold red",
    Status.UNKNOWN: "cyan",
}
#: Where there is no terminal whose width is known.
_LOG_WIDTH = 160


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(check)


def check(
    *,
    mode: Annotated[Mode, typer.Option(help="The worker that is to run.")] = "run",
    timeout: Annotated[
        float, typer.Option(min=0.1, max=60, help="Seconds to wait for one answer.")
    ] = 5,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per row instead of the table.")
    ] = False,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
    bootstrap_servers: Brokers = None,
) -> None:
    """Look at everything that a worker needs, and say what to do; changes nothing.

    Settings and rules; Redis with its version, role, memory, persistence, the script and the
    rights to run it; Kafka with its topics, the group and the rights. Exits 0 where a worker
    would run (warnings allowed), 1 where something is missing, 78 where settings or rules are
    wrong.
    """
    # The rows say it once; the log of what leads to them would repeat it.
    logs.configure("error")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    load = partial(settings_from, config, rules=rules, redis=redis, brokers=bootstrap_servers)
    findings = []
    with Console(stderr=True).status("looking") as progress:
        for finding in _findings(mode, load, timeout):
            progress.update(f"looking at {finding.subject}")
            findings.append(finding)
            if as_json:
                typer.echo(json.dumps(finding._asdict(), ensure_ascii=False))
    if not as_json:
        _print(findings)
    if is_misconfigured(findings):
        raise typer.Exit(EXIT_CONFIG)
    if has_failed(findings):
        raise typer.Exit(EXIT_FAILED)


def _findings(mode: Mode, load: Callable[[], Settings], timeout_s: float) -> Iterator[Finding]:
    try:
        settings = load()
    except ConfigError as error:
        yield CONFIGURATION.failed(
            "settings", str(error), "see docs/configuration.md, and: profiler config show"
        )
        return
    yield CONFIGURATION.ok("settings", f"profiler {__version__} {mode}")
    loaded = None
    if mode != "flatten":
        try:
            loaded = load_rules(settings.rules)
        except ConfigError as error:
            yield CONFIGURATION.failed("rules", str(error), "see: profiler rules check FILE")
        else:
            yield CONFIGURATION.ok("rules", f"{loaded.version} ({settings.rules})")
        yield from _redis(settings, loaded, timeout_s)
    yield from check_kafka(mode, settings, timeout_s=timeout_s)


def _redis(settings: Settings, rules: Rules | None, timeout_s: float) -> Iterator[Finding]:
    try:
        yield from check_redis(settings, rules, timeout_s=timeout_s)
    except ConfigError as error:
        yield CONFIGURATION.failed("redis", str(error), "correct [redis]")


def _print(findings: Iterable[Finding]) -> None:
    console = Console()
    table = Table(box=None, pad_edge=False)
    for name in ("what", "", "status", "found, and what to do"):
        table.add_column(name, overflow="fold")
    previous = ""
    for finding in findings:
        found = Text(finding.found)
        if finding.remedy:
            found.append(f"\n→ {finding.remedy}", style="bold")
        table.add_row(
            Text(finding.subject if finding.subject != previous else ""),
            Text(finding.check),
            Text(finding.status, style=_STYLES[finding.status]),
            found,
        )
        previous = finding.subject
    if console.is_terminal:
        console.print(table)
        return
    console.width = _LOG_WIDTH
    with console.capture() as shown:
        console.print(table)
    for line in shown.get().splitlines():
        typer.echo(line.rstrip())
