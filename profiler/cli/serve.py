"""The command `serve`: profiles by HTTP."""

from contextlib import nullcontext
from importlib.util import find_spec
from typing import Annotated

import structlog
import typer

from profiler.cli.options import (
    ConfigFile,
    LogLevel,
    MetricsAt,
    RedisUrl,
    RulesName,
    script_from,
    settings_from,
    stored_ids_of,
)
from profiler.config.catalogue import FLAGS
from profiler.errors import ConfigError
from profiler.rules.model import load_rules
from profiler.service import logs

_LOG = structlog.get_logger("profiler.serve")

#: What the extra installs, and the core does without.
_EXTRA = ("starlette", "uvicorn")


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(serve)


def serve(
    *,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
    host: Annotated[
        str | None,
        typer.Option(FLAGS["serve.host"], help="Address to listen at; default: this machine's."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(FLAGS["serve.port"], help="Port to listen at; 0 takes any that is free."),
    ] = None,
    metrics: MetricsAt = None,
    log_level: LogLevel = "info",
) -> None:
    """Serve profiles by HTTP: read one or many, forget one, statistics, and the live page.

    Callers need the token of the setting serve.token; docs/service.md says how.
    """
    if missing := [name for name in _EXTRA if find_spec(name) is None]:
        raise ConfigError(
            f"profiler serve needs {' and '.join(missing)}; install the extra:"
            " pip install 'visitor-profiler[serve]'"
        )
    # What needs the extra is imported behind the look for it.
    from profiler.service import serving  # noqa: PLC0415
    from profiler.service.api.app import Page  # noqa: PLC0415
    from profiler.service.live.watched import watched  # noqa: PLC0415

    logs.configure(log_level)
    settings = settings_from(
        config, rules=rules, redis=redis, metrics=metrics, host=host, port=port
    )
    declared = load_rules(settings.rules)
    backend = serving.backend_of(
        settings, declared, stored_ids_of(settings), lambda: script_from(settings, declared)
    )
    if settings.serve.token is None:
        _LOG.warning("no token is set: everybody on this machine may read, and nothing is removed")
    with watched(backend) if settings.serve.live_page else nullcontext(Page()) as page:
        serving.serve(backend, page, _tell)


def _tell(at: str) -> None:
    """Say where the service is: a line for scripts, and one for the log."""
    typer.echo(f"profiler serve: {at}")
    _LOG.info("serving", at=at)
