"""A log handler that lets no storm through: one line a second of a kind, and a count.

While Kafka or Redis is away, a client library may log the same error hundreds of times a second.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

#: Of one kind, a line at most so often.
PERIOD_S = 1.0
#: Kinds remembered at a time. Some 300 bytes each, and the latest line of it.
_MOST_KINDS = 1_000
#: All messages of these loggers have one template; its first argument says what happened.
_FIRST_ARGUMENT_NAMES = ("librdkafka",)
#: Where a library puts numbers into the text itself, the texts are of one kind all the same.
_NUMBER = re.compile(r"\d+")

Kind = tuple[str, int, str]


@dataclass
class _Seen:
    """What is known of a kind."""

    shown_at: float = float("-inf")
    #: How many lines were held back since then, and the latest of them.
    count: int = 0
    latest: logging.LogRecord | None = None


def kind_of(record: logging.LogRecord) -> Kind:
    """Return logger, level and event, or the message without its arguments."""
    if isinstance(record.msg, dict):
        text = str(record.msg.get("event", ""))
    elif record.name in _FIRST_ARGUMENT_NAMES and isinstance(record.args, tuple) and record.args:
        text = f"{record.msg} {record.args[0]}"
    else:
        text = str(record.msg)
    return record.name, record.levelno, _NUMBER.sub("0", text)


class RateLimitedHandler(logging.StreamHandler[TextIO]):
    """Writes the first line of a kind as it is, and then at most one line a second of that kind.

    A line that comes too soon is held back. When its second is over, the latest of the lines held
    back is written, with its own time and without its traceback. Where there were more, the
    attribute ``suppressed`` of its record says how many. Closing the handler, which `logging` does
    at exit, writes what is held back. Lines of level debug are not limited.

    Args:
        stream: where the lines go.
        now: the time in seconds, from any beginning.
    """

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._now = now
        self._kinds: dict[Kind, _Seen] = {}
        self._timer: threading.Timer | None = None
        self._is_closed = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line or hold it back; called by `handle`, with the lock."""
        if record.levelno <= logging.DEBUG or self._is_closed:
            super().emit(record)
            return
        try:
            kind = kind_of(record)
            if kind not in self._kinds and len(self._kinds) >= _MOST_KINDS:
                self._write_held(self._kinds.values())
                self._kinds.clear()
            seen = self._kinds.setdefault(kind, _Seen())
            now = self._now()
            if now - seen.shown_at < PERIOD_S:
                seen.count += 1
                seen.latest = _text_only(record)
                self._set_timer(seen.shown_at + PERIOD_S - now)
                return
        except Exception:  # noqa: BLE001 - as every handler does: a log must not end the worker
            self.handleError(record)
            return
        self._write(seen, record, suppressed=seen.count)

    def write_due(self) -> None:
        """Write what was held back for long enough; a timer calls it."""
        self.acquire()
        try:
            self._timer = None
            due = self._now() - PERIOD_S
            self._write_held(seen for seen in self._kinds.values() if seen.shown_at <= due)
            waiting = [seen.shown_at for seen in self._kinds.values() if seen.latest]
            if waiting:
                self._set_timer(min(waiting) - due)
        finally:
            self.release()

    def close(self) -> None:
        """Write all that is held back; later lines are not limited. May be called again."""
        self.acquire()
        try:
            self._is_closed = True
            if self._timer is not None:
                self._timer.cancel()
            self._write_held(self._kinds.values())
        finally:
            self.release()
        super().close()

    def _write_held(self, kinds: Iterable[_Seen]) -> None:
        for seen in kinds:
            if seen.latest is not None:
                self._write(seen, seen.latest, suppressed=seen.count - 1)

    def _write(self, seen: _Seen, record: logging.LogRecord, *, suppressed: int) -> None:
        if suppressed:
            # A copy: other handlers get the same record.
            record = logging.makeLogRecord(record.__dict__ | {"suppressed": suppressed})
        seen.shown_at, seen.count, seen.latest = self._now(), 0, None
        super().emit(record)

    def _set_timer(self, wait_s: float) -> None:
        if self._timer is not None:
            return
        self._timer = threading.Timer(wait_s, self.write_due)
        self._timer.daemon = True
        # At exit no thread can be started any more; then `close` writes what is held back.
        with suppress(RuntimeError):
            self._timer.start()


def _text_only(record: logging.LogRecord) -> logging.LogRecord:
    """A copy that holds on to no object: they change, and a traceback keeps whole batches."""
    kept = logging.makeLogRecord(record.__dict__)
    if isinstance(record.msg, dict):
        kept.msg = record.msg | {"exc_info": None, "stack_info": None}
    else:
        kept.msg, kept.args = record.getMessage(), None
    kept.exc_info = kept.exc_text = kept.stack_info = None
    return kept
