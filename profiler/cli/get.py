"""The command `get`: one visitor's profile."""

import json
import time
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from profiler.cli.options import ConfigFile, RedisUrl, RulesName, script_from, settings_from
from profiler.profiles.inspect import StoredProfile

_DAY_MS = 86_400_000


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(get)


def get(
    visitor: Annotated[
        str,
        typer.Argument(help="The visitor id; one that begins with a hyphen goes behind --."),
    ],
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object, also without a terminal.")
    ] = False,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
) -> None:
    """Print one visitor's profile, as the latest visit left it.

    With it come the key, the version of the rules that wrote it, and when it expires. A visitor
    who is not known exits 1.
    """
    require_utf8(visitor)
    script = script_from(settings_from(config, rules=rules, redis=redis, without_kafka=True))
    stored = script.look_up(visitor)
    if stored is None:
        raise unknown(visitor)
    console = Console()
    if as_json or not console.is_terminal:
        typer.echo(json.dumps(stored.document(visitor), ensure_ascii=False))
        return
    console.print(_table(visitor, stored, script.rules.version))


def unknown(visitor: str) -> typer.Exit:
    """Say that no profile is stored for a visitor; the exit that is to be raised."""
    Console(stderr=True).print(
        f"no profile is stored for {visitor!r}", markup=False, soft_wrap=True
    )
    return typer.Exit(1)


def require_utf8(visitor: str) -> None:
    """Refuse what is no id: arguments that are no UTF-8 arrive as lone surrogates.

    Raises:
        typer.BadParameter: it is one, or empty.
    """
    if not visitor:
        raise typer.BadParameter("empty: no visitor has such an id", param_hint="VISITOR")
    try:
        visitor.encode()
    except UnicodeEncodeError as error:
        raise typer.BadParameter("not UTF-8: no visitor has it", param_hint="VISITOR") from error


def _table(visitor: str, stored: StoredProfile, version: str) -> Table:
    table = Table(title=_plain(visitor), caption=_about(stored, version), caption_justify="left")
    table.add_column("field", no_wrap=True)
    table.add_column("value", overflow="fold")
    for name, value in stored.profile.items():
        table.add_row(name, _plain(str(value)))
    return table


def _about(stored: StoredProfile, version: str) -> Text:
    lines = [f"key {stored.key}", f"written by rules {stored.rules_version or 'unknown'}"]
    if stored.rules_version not in {None, version}:
        lines.append(
            f"read with rules {version}: fields that these rules do not know are not shown"
        )
    if stored.expires_at is None:
        lines.append("expires: never, or this user may not PEXPIRETIME")
    else:
        date = datetime.fromtimestamp(stored.expires_at / 1_000, UTC)
        days = (stored.expires_at - time.time() * 1_000) / _DAY_MS
        lines.append(f"expires {date:%Y-%m-%d %H:%M} UTC, in {days:.1f} days, unless it is seen")
    return _plain("\n".join(lines))


def _plain(text: str) -> Text:
    """No markup, and no control characters: what a tracker sent must not drive a terminal."""
    return Text("".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text))
