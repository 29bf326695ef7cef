"""The last part of a batch's way: drafts and the script's answers become outputs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from profiler.config.settings import Mode, Settings
from profiler.engine.batch import Finished, Rejection
from profiler.engine.python.decode import Draft, End, dead_letter_of, output_of
from profiler.profiles.reply import Applied, Outcome
from profiler.records.dead_letter import size_of
from profiler.records.json_objects import encode_object, extend_object
from profiler.records.types import OUTPUT_PREFIX, OutputRecord, Rejected

if TYPE_CHECKING:
    from profiler.profiles.turned import Turned

#: How a name that only the profiler may give begins, in encoded JSON.
_FORGED = b'"' + OUTPUT_PREFIX.encode()


class Unfinished:
    """What came of a batch so far.

    Args:
        records: how many were read.

    Attributes:
        outputs: see `Finished`.
        rejections: likewise.
        counts: likewise; what flags and rejections say is counted at the end.
        triggers: likewise.
        answers: how many events got a profile, or none of a forgotten visitor's, by their flags.
    """

    def __init__(self, records: int) -> None:
        self._records = records
        self.outputs: list[OutputRecord] = []
        self.rejections: list[Rejection] = []
        self.counts: Counter[str] = Counter(read=records)
        self.triggers: Counter[tuple[str, str]] = Counter()
        self.answers: Counter[frozenset[str]] = Counter()

    def end(self) -> Finished:
        """All of it; to be called once."""
        counts = self.counts
        counts["rejected"] = len(self.rejections)
        for (_, state), times in self.triggers.items():
            counts[f"triggers_{state}"] += times
        for flags, events in self.answers.items():
            for flag in flags:
                counts[flag] += events
        counts["profiled"] = self.answers.total() - counts["forgotten"]
        return Finished(self._records, self.outputs, self.rejections, counts, self.triggers)


class Finisher:
    """Makes the outputs of one mode; holds settings and nothing that changes."""

    def __init__(self, mode: Mode, settings: Settings) -> None:
        self._settings = settings
        topics = settings.topics
        #: None where this stage does not write it.
        self._flattened = None if mode == "profile" else topics.flattened
        self._persisted = None if mode == "flatten" else topics.persisted
        self._triggers = topics.triggers
        self._largest_bytes = settings.largest_output_bytes
        self._small_bytes = settings.most_added_bytes

    def finish(self, drafts: Sequence[Draft | End], outcomes: Iterable[Outcome]) -> Finished:
        """Make a batch's outputs.

        Args:
            drafts: one for each record, in order.
            outcomes: one for each `Draft`, in order.
        """
        batch = Unfinished(len(drafts))
        each = iter(outcomes)
        for place, draft in enumerate(drafts):
            self.add(place, draft, None if isinstance(draft, End) else next(each), batch)
        return batch.end()

    def add(self, place: int, draft: Draft | End, outcome: Outcome, batch: Unfinished) -> None:
        """Add the outputs of the record at a place; all outputs of the records before it are there.

        Args:
            place: among the batch's records.
            draft: of the record.
            outcome: what the script made of it; None for an `End`.
            batch: takes the outputs.
        """
        if isinstance(draft, End):
            batch.outputs.extend(draft.outputs)
            rejected = draft.rejected
        else:
            rejected = self._add(draft, outcome, batch)
        if rejected is not None:
            batch.rejections.append(Rejection(place, draft.record, rejected))

    def _add(self, draft: Draft, outcome: Outcome, batch: Unfinished) -> Rejected | None:
        """Add a draft's outputs; returns code and reason where it is a dead letter after all."""
        record, headers, _, flat, mended, forged = draft
        if mended:
            batch.counts["mended_surrogates"] += mended
        if self._flattened is not None:
            batch.outputs.append(output_of(record, self._flattened, flat, headers))
        if self._persisted is None:
            return None
        if outcome is None and self._settings.anonymous == "reject":
            outcome = Rejected("no_visitor_id", "the event has no visitor id")
        if isinstance(outcome, Rejected):
            return self._reject(draft, outcome, batch)
        encoded = _without_forged_names(flat, batch.counts) if forged else flat
        told: tuple[Turned, ...] = ()
        if outcome is not None:
            _, profile, told = outcome
            if profile:
                encoded = extend_object(encoded, profile)
        output = output_of(record, self._persisted, encoded, headers)
        if told or len(encoded) - len(flat) > self._small_bytes:
            outputs = [output_of(record, self._triggers, each.encoded, headers) for each in told]
            size = max(map(size_of, [output, *outputs]))
            if size > self._largest_bytes:
                # By rules with many long fields only; the profile knows the event already.
                too_large = f"with its profile it has {size} bytes"
                return self._reject(draft, Rejected("too_large", too_large), batch)
            batch.outputs += [output, *outputs]
        else:
            batch.outputs.append(output)
        _count(outcome, batch)
        return None

    def _reject(self, draft: Draft, rejected: Rejected, batch: Unfinished) -> Rejected:
        dead = dead_letter_of(draft.record, draft.headers, "profile", rejected, self._settings)
        batch.outputs.append(dead)
        return rejected


def _count(outcome: Applied | None, batch: Unfinished) -> None:
    """Count what became of an event that is no dead letter."""
    if outcome is None:
        batch.counts["anonymous"] += 1
        return
    flags, _, told = outcome
    batch.answers[flags] += 1
    for turned in told:
        batch.triggers[turned.name, turned.state] += 1


def _without_forged_names(encoded: bytes, counts: Counter[str]) -> bytes:
    if _FORGED not in encoded:
        return encoded
    flat: dict[str, Any] = orjson.loads(encoded)
    honest = {name: flat[name] for name in flat if not name.startswith(OUTPUT_PREFIX)}
    counts["forged_names"] += len(flat) - len(honest)
    return encode_object(honest)
