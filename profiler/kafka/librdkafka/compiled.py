"""The compiled way to librdkafka: visitor-profiler-native calls the library of confluent-kafka.

One librdkafka is in the process, the one that the consumer runs on. See docs/adr/0078.
"""

import logging
from collections.abc import Mapping
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, files
from typing import Any

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from profiler.kafka.librdkafka.raw import RawProducer

#: Of the logging module, by the levels of syslog.
_LEVELS = (*(logging.CRITICAL,) * 3, logging.ERROR, logging.WARNING, *(logging.INFO,) * 2)


def why_not_compiled() -> str:
    """Why `compiled_producer` cannot work in this installation; empty where it can."""
    try:
        from visitor_profiler_native import Producer  # noqa: PLC0415 - may not be installed

        Producer.find(*library())
    except ImportError as error:
        return str(error)
    return ""


def compiled_producer(options: Mapping[str, Any]) -> RawProducer:
    """Make a producer of the library's options.

    Args:
        options: as confluent-kafka takes them: texts, numbers and booleans, and the ``logger``.

    Raises:
        ImportError: see `why_not_compiled`.
        KafkaException: the library refuses the options.
    """
    from visitor_profiler_native import Producer  # noqa: PLC0415 - may not be installed

    logger: logging.Logger = options["logger"]

    def log(level: int, facility: str, client: str, text: str) -> None:
        # As confluent-kafka logs it, so that one rule limits both.
        at = _LEVELS[level] if level < len(_LEVELS) else logging.DEBUG
        logger.log(at, "%s [%s] %s", facility, client, text)

    texts = [(name, _text(value)) for name, value in options.items() if name != "logger"]
    # Successes need no report: `flush` counts them.
    texts.append(("delivery.report.only.error", "true"))
    return Producer(*library(), texts, log, KafkaError, KafkaException)


def library() -> tuple[str, int]:
    """Path or name of the librdkafka that confluent-kafka has loaded, and its version."""
    _, version = confluent_kafka.libversion()
    try:
        for path in files("confluent-kafka") or ():
            if fnmatch(path.name, "librdkafka*.so*"):
                return str(path.locate()), version
    except PackageNotFoundError:
        pass
    # Built from source, it uses the system's.
    return "librdkafka.so.1", version


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
