"""The command `profiler`. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration."""

import sys
from typing import Annotated

import typer

from profiler import __version__
from profiler.cli import inspect, lua, process
from profiler.errors import ConfigError, ProfilerError

EXIT_FAILED = 1
EXIT_CONFIG = 78

app = typer.Typer(
    name="profiler",
    help="Give every tracking event the profile of its visitor, as of that moment.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback signature
    if wanted:
        print(f"profiler {__version__}")  # noqa: T201 - the answer to --version
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="And exit.")
    ] = False,
) -> None:
    pass


process.add_to(app)
inspect.add_to(app)
lua.add_to(app)


def main() -> None:
    """Run the command line; errors that we raise on purpose become one message, no traceback."""
    try:
        app()
    except ConfigError as error:
        print(f"profiler: {error}", file=sys.stderr)  # noqa: T201 - also before logs are set up
        sys.exit(EXIT_CONFIG)
    except ProfilerError as error:
        print(f"profiler: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(EXIT_FAILED)
    except BrokenPipeError:
        # The reader of our output has gone, e.g. `profiler pipe | head`.
        sys.stderr.close()
        sys.exit(EXIT_FAILED)
