"""Logging: JSON lines for machines, readable lines on a terminal, records never.

Loggers take names, counts, positions and errors; no key, value or header of a record.
"""

import logging
import sys
from datetime import UTC, datetime

import structlog

from profiler.service.log_limit import RateLimitedHandler

#: The Kafka client's debug messages hold keys and values of records.
_WITH_PAYLOADS = ("kafka",)


def configure(level: str = "info") -> None:
    """Send everything that is logged, also by libraries, to stderr.

    Above debug, at most one line a second of a kind is written, see `RateLimitedHandler`; a field
    `suppressed` counts the lines of this kind that were left out just before. May be called again.
    Never blocks but for writing to stderr.

    Args:
        level: debug, info, warning or error, of the profiler's own messages. Libraries are
            held at warning.

    Raises:
        ValueError: there is no such level.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
    ]
    renderers: list[structlog.typing.Processor]
    if sys.stderr.isatty():
        # The default formatter prints local variables, which hold records.
        plain = structlog.dev.plain_traceback
        renderers = [structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    else:
        renderers = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = RateLimitedHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                _add_what_the_record_has,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *renderers,
            ],
        )
    )
    root = logging.getLogger()
    for former in root.handlers:
        if isinstance(former, RateLimitedHandler):
            former.close()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("profiler").setLevel(level.upper())
    for name in _WITH_PAYLOADS:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _add_what_the_record_has(
    _logger: object, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Add the time, which is not now where the line was held back, and the count."""
    record: logging.LogRecord = event["_record"]
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
    event["timestamp"] = at.replace("+00:00", "Z")
    if suppressed := getattr(record, "suppressed", 0):
        event["suppressed"] = suppressed
    return event
