"""Folds records by two sets of rules, beside each other and beside no profile that is in use."""

from collections.abc import Callable, Sequence
from typing import Any

from profiler.config.settings import Mode, Settings
from profiler.engine.python.decode import Draft, RecordDecoder
from profiler.ops.rules_diff.report import Differences
from profiler.profiles.reply import Applied, Outcome
from profiler.profiles.script import ProfileScript
from profiler.records.types import OUTPUT_PREFIX, FlatEvent, Record
from profiler.rules.model import Rules


class Shadows:
    """Two scripts on a server of our own; their profiles begin empty.

    Args:
        script_of: makes the script of rules on that server.
        old: the rules that are in use.
        new: the rules that are to be.
        mode: what the values are: ``run`` takes processed records, ``profile`` flattened ones.
        settings: limits.
    """

    def __init__(
        self,
        script_of: Callable[[Rules], ProfileScript],
        old: Rules,
        new: Rules,
        mode: Mode,
        settings: Settings,
    ) -> None:
        self._decoder = RecordDecoder(mode, settings)
        self._old, self._new = (
            script_of(_apart(rules, name)) for name, rules in (("old", old), ("new", new))
        )
        self.differences = Differences(old, new)

    def fold(self, records: Sequence[Record]) -> None:
        """Fold records in their order, and compare the answers.

        Raises:
            StoreUnavailableError: our server has gone, or is out of memory.
        """
        drafts = [self._decoder.decode(record) for record in records]
        events = [
            FlatEvent("", 0, draft.record.timestamp, draft.flat, draft.encoded)
            for draft in drafts
            if isinstance(draft, Draft)
        ]
        counts = self.differences.counts
        counts["records"] += len(records)
        counts["rejected"] += len(records) - len(events)
        visitors, old = _outcomes(self._old, events)
        others, new = _outcomes(self._new, events)
        for place, (before, after) in enumerate(zip(old, new, strict=True)):
            if not isinstance(before, Applied) and not isinstance(after, Applied):
                counts["without_profile"] += 1
            elif not isinstance(after, Applied):
                counts["old_alone"] += 1
            elif not isinstance(before, Applied):
                counts["new_alone"] += 1
            else:
                counts["other_visitor"] += visitors[place] != others[place]
                self.differences.compare(visitors[place], _fields(before), _fields(after))
                self.differences.triggers.note(visitors[place], before.triggers, after.triggers)


def _apart(rules: Rules, name: str) -> Rules:
    """The rules with keys of their own."""
    store = rules.store.model_copy(update={"key": f"{name}:{{<id>}}"})
    return rules.model_copy(update={"store": store})


def _outcomes(
    script: ProfileScript, events: Sequence[FlatEvent]
) -> tuple[dict[int, str], list[Outcome]]:
    """The visitor of each event, by its place, and what came of it."""
    calls = script.calls_of(events)
    script.execute(calls)
    visitors = {place: str(call.arguments[0]) for call in calls.made for place in call.places}
    return visitors, calls.outcomes


def _fields(applied: Applied) -> dict[str, Any]:
    profile = applied.profile
    return {name.removeprefix(OUTPUT_PREFIX): value for name, value in profile.items()}
