"""The alarm that stops a worker when so many records are bad that something else is wrong.

A producer with a new format, or settings that do not fit, would otherwise turn a whole stream
into dead letters while everything looks well.
"""

from collections import Counter, deque
from collections.abc import Sequence

from profiler.config.settings import ENV_PREFIX, DeadLetterSettings
from profiler.engine import Rejection
from profiler.errors import DeadLetterLimitError

#: Rejected because a setting says so: no alarm.
_AS_ORDERED = frozenset(["no_visitor_id"])
_CODES_NAMED = 3


class _Seen:
    """Dead letters: how many, their codes, and where the first was; nothing of their content."""

    def __init__(self) -> None:
        self.codes: Counter[str] = Counter()
        self.first = ""

    def add(self, rejection: Rejection) -> None:
        if not self.first:
            topic, partition, offset = rejection.record[:3]
            self.first = f"{topic}-{partition} at offset {offset}"
        self.codes[rejection.rejected.code] += 1

    def merge(self, other: "_Seen") -> None:
        self.first = self.first or other.first
        self.codes += other.codes

    def __str__(self) -> str:
        named = ", ".join(f"{code} {n:,}" for code, n in self.codes.most_common(_CODES_NAMED))
        others = len(self.codes) - _CODES_NAMED
        more = f" and {others} more codes" if others > 0 else ""
        return f"{named}{more}; the first is {self.first}"


class DeadLetterLimit:
    """Looks at each batch's results before anything of it is written.

    Two limits: dead letters in a row, and their share of the latest records. "Latest" goes by
    whole batches: so many of them that together they have the window's records. A dead letter
    that a setting asks for (an event without a visitor id) counts as a good record.
    """

    def __init__(self, settings: DeadLetterSettings) -> None:
        self._settings = settings
        self.forget()

    def forget(self) -> None:
        """Count anew: after a fault the same records come again."""
        self._row, self._row_length = _Seen(), 0
        self._window: deque[tuple[int, int, _Seen]] = deque()
        self._records = self._bad = 0

    def check(self, records: int, rejections: Sequence[Rejection]) -> None:
        """Count a batch; costs nothing where no record is bad.

        Args:
            records: how many the batch has.
            rejections: its dead letters, in the order of the records.

        Raises:
            DeadLetterLimitError: with this batch a limit is reached; write nothing of it.
        """
        seen, bad, next_place = _Seen(), 0, 0
        for rejection in rejections:
            if rejection.rejected.code in _AS_ORDERED:
                continue
            if rejection.place > next_place:  # a good record is between
                self._row, self._row_length = _Seen(), 0
            next_place = rejection.place + 1
            seen.add(rejection)
            bad += 1
            self._row.add(rejection)
            self._row_length += 1
            if self._row_length == self._settings.max_consecutive:
                raise self._too_many_in_a_row()
        if next_place < records:
            self._row, self._row_length = _Seen(), 0
        self._slide(records, bad, seen)

    def _slide(self, records: int, bad: int, seen: _Seen) -> None:
        window = self._settings.window_records
        self._window.append((records, bad, seen))
        self._records += records
        self._bad += bad
        while self._records - self._window[0][0] >= window:
            old_records, old_bad, _ = self._window.popleft()
            self._records -= old_records
            self._bad -= old_bad
        ratio = self._settings.max_ratio
        if ratio < 1 and self._records >= window and self._bad > ratio * self._records:
            raise self._too_large_a_share()

    def _too_many_in_a_row(self) -> DeadLetterLimitError:
        return _error(
            f"{self._row_length:,} dead letters in a row ({self._row})", "max_consecutive", off=0
        )

    def _too_large_a_share(self) -> DeadLetterLimitError:
        seen = _Seen()
        for _, _, batch in self._window:
            seen.merge(batch)
        what = f"{self._bad:,} of the last {self._records:,} records are dead letters ({seen})"
        return _error(what, "max_ratio", off=1)


def _error(what: str, setting: str, *, off: int) -> DeadLetterLimitError:
    variable = f"{ENV_PREFIX}dead_letters__{setting}".upper()
    return DeadLetterLimitError(
        f"stopped at the dead-letter limit: {what}. So many point to a new format of the producer"
        " or to wrong settings, not to single bad records. Nothing of the last batch is written"
        " or committed: the next start reads it again. If these records are to be rejected, raise"
        f" dead_letters.{setting} ({variable}; {off} switches this limit off)."
    )
