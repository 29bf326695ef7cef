"""The command `profiler`. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration."""

import logging
import signal
import sys

from profiler.errors import ConfigError, ProfilerError

EXIT_FAILED = 1
EXIT_CONFIG = 78


def main() -> None:
    """Run the command line; errors that we raise on purpose become one message, no traceback."""
    # The imports take about a second, in which a Ctrl-C should end us without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from profiler.cli.app import app  # noqa: PLC0415 - see above

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app()
    except ProfilerError as error:
        logging.shutdown()  # what the log holds back comes before the last word
        print(f"profiler: {error}", file=sys.stderr)  # noqa: T201 - also before logs are set up
        sys.exit(EXIT_CONFIG if isinstance(error, ConfigError) else EXIT_FAILED)
    except BrokenPipeError:
        # The reader of our output has gone, e.g. `profiler pipe | head`.
        sys.stderr.close()
        sys.exit(EXIT_FAILED)
