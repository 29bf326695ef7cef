"""The command `forget`: visitors' profiles go, and what came before brings nobody back."""

import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer

from profiler.cli.get import require_utf8
from profiler.cli.options import ConfigFile, RedisUrl, RulesName, script_from, settings_from
from profiler.ops.units import count_of
from profiler.profiles.forgetting import EVER
from profiler.rules.duration import ms_of


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(forget)


def forget(
    visitors: Annotated[
        list[str] | None,
        typer.Argument(
            help="Visitor ids; without any they are read from standard input, one a line."
        ),
    ] = None,
    *,
    keep_for: Annotated[
        str,
        typer.Option(
            "--keep-for",
            help="How long the mark lives: longer than the retention of every topic that may be"
            " read again.",
        ),
    ] = "395 d",
    block: Annotated[
        bool,
        typer.Option("--block", help="Begin no new profile either, until the mark ends."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many profiles there are; change nothing.")
    ] = False,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
) -> None:
    """Forget visitors: remove profile and stored outputs, and leave a mark.

    No event from before now brings one of them back, whether it is late or comes by a redelivery,
    a repair or a replay. Such events leave without a profile. Later events begin a new, empty
    profile, unless --block is given; to forget again lifts it. Topics of Kafka keep what they have.
    """
    try:
        keep_ms = ms_of(keep_for)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--keep-for") from error
    ids = visitors or _lines(sys.stdin.buffer)
    for each in ids:
        require_utf8(each)
    if not ids:
        raise typer.BadParameter("no id is given", param_hint="VISITORS")
    script = script_from(settings_from(config, rules=rules, redis=redis, without_kafka=True))
    if dry_run:
        found = script.forgetting.look(ids)
        typer.echo(f"would forget {count_of(len(ids), 'visitor')}; profiles: {found}")
        return
    now_ms = time.time_ns() // 1_000_000
    till = EVER if block else now_ms
    found = script.forgetting.forget(ids, till=till, keep_ms=keep_ms, now_ms=now_ms)
    end = datetime.fromtimestamp((now_ms + keep_ms) / 1_000, UTC)
    typer.echo(
        f"forgot {count_of(len(ids), 'visitor')}; profiles: {found}; marks until {end:%Y-%m-%d}"
    )


def _lines(raw: Iterable[bytes]) -> list[str]:
    """An id a line, as it is; blank lines are passed over."""
    try:
        lines = [line.decode().rstrip("\r\n") for line in raw]
    except UnicodeDecodeError as error:
        raise typer.BadParameter("not UTF-8: no visitor has it", param_hint="VISITORS") from error
    return [line for line in lines if line]
