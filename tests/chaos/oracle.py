"""The judge: what came out, against a fold in plain Python of what was put in.

It shares no code with the worker. It is a function of lists, so that its own tests can hand it
outputs that are wrong in every way.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.chaos import fired
from tests.chaos.interleaving import PREFIX, Told, explained
from tests.chaos.verdict import NOTHING, Allowance, Verdict
from tests.oracles.shape import LEAN
from tests.oracles.standard import StandardFold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.chaos.places import Input, Output, Place

    ReadProfile = Callable[[str], Mapping[str, str]]

#: Of the preset `lean` with one event id kept a visit: so only the watermark keeps counts
#: right, and not the memory of events. And with a trigger.
SHAPE = replace(LEAN, event_ids=1, triggers=(fired.READER,))
TOPICS = ("flattened", "persisted", "rejected")


def judge(
    inputs: Sequence[Input],
    outputs: Iterable[Output],
    stored: ReadProfile,
    *,
    commits: Mapping[tuple[int, int], Sequence[int]] | None = None,
    allowed: Allowance = NOTHING,
    has_trigger: bool = True,
) -> Verdict:
    """Compare everything that went in with everything that came out and is stored.

    Args:
        inputs: in any order.
        outputs: as a reader of `read_committed` sees them, in any order.
        stored: a visitor's profile in Redis, as text.
        commits: every offset that was ever committed, by stream, in order.
        allowed: what is no fault in this row.
        has_trigger: whether the rules have `fired.RULE`.
    """
    verdict = Verdict(inputs=len(inputs))
    case = _Case(inputs, outputs, allowed, verdict, has_trigger=has_trigger)
    for given in inputs:
        case.judge_copies(given)
    for visitor, own in _by_visitor(inputs).items():
        case.judge_visitor(visitor, own, stored)
    for stream, offsets in (commits or {}).items():
        for before, after in pairwise(offsets):
            if after < before:
                verdict.rewound += 1
                verdict.example(f"rewound: {stream} from {before} to {after}")
    return verdict


class _Case:
    """Inputs and their outputs; what it finds goes to the verdict."""

    def __init__(
        self,
        inputs: Sequence[Input],
        outputs: Iterable[Output],
        allowed: Allowance,
        verdict: Verdict,
        *,
        has_trigger: bool,
    ) -> None:
        self._allowed, self._verdict, self._has_trigger = allowed, verdict, has_trigger
        known = {given.place for given in inputs}
        #: Values by topic and the input's place.
        self._copies: dict[str, dict[Place, list[bytes]]] = {
            topic: {} for topic in (*TOPICS, fired.TOPIC)
        }
        for topic, place, value in outputs:
            verdict.count(topic)
            if place is None or place not in known:
                self._mismatched(f"{topic} has an output of no input, {place}")
            else:
                self._copies[topic].setdefault(place, []).append(value)

    def judge_copies(self, given: Input) -> None:
        """Whether an input has one output in each topic where it should, and what is in them."""
        place, event = given
        right = ("rejected",) if event.is_bad else ("flattened", "persisted")
        found = {topic: self._copies[topic].get(place, []) for topic in TOPICS}
        if not all(found[topic] for topic in right):
            self._verdict.lost += 1
            self._verdict.example(f"lost: {place}")
        for topic, values in found.items():
            if topic in right:
                self._count(topic, place, values)
            elif values:
                self._mismatched(f"{place} came to {topic}: {values[0][:200]!r}", len(values))
        if not event.is_bad:
            wrong = [value for value in found["flattened"] if json.loads(value) != event.flat()]
            if wrong:
                self._mismatched(f"{place} is flattened to {wrong[0][:200]!r}", len(wrong))

    def judge_visitor(self, visitor: str, inputs: Sequence[Input], stored: ReadProfile) -> None:
        """Whether every output is the fold's, and the profile too."""
        streams: defaultdict[tuple[int, int], list[Told]] = defaultdict(list)
        for place, event in inputs:
            told = Told(place, event.flat(), event.timestamp_ms, self._profiles(place))
            streams[place.stream].append(told)
        is_told = self._has_trigger
        if len(streams) > 1:
            found = explained(list(streams.values()), SHAPE)
            fold = found.fold
            # Without an order nobody knows by which event the trigger fired.
            is_told &= not found.unexplained
            if found.unexplained and not self._allowed.orders:
                whose = f"{found.unexplained} outputs of {visitor}, spread over partitions"
                self._mismatched(f"{whose}, that no order explains", found.unexplained)
        else:
            fold = StandardFold(SHAPE)
            for each in (told for stream in streams.values() for told in stream):
                right = each.expected(fold)
                for output in each.outputs:
                    if output != right:
                        self._mismatched(f"{each.place} {_difference(right, output)}")
        if is_told:
            self._judge_trigger(visitor, inputs, fold)
        if not self._allowed.profiles:
            latest = fold.latest(visitor)
            self._judge_profile(visitor, latest, dict(stored(visitor)), is_spread=len(streams) > 1)

    def _judge_profile(
        self, visitor: str, latest: Mapping[str, Any], profile: dict[str, str], *, is_spread: bool
    ) -> None:
        right = {name: _as_stored(value) for name, value in latest.items()}
        if is_spread:
            # Which visit was the first depends on the order of arrival by nature.
            right.pop("visit_number", None)
            profile.pop("visit_number", None)
        if profile != right:
            self._verdict.miscounted += 1
            self._verdict.example(f"miscounted: {visitor} {_difference(right, profile)}")

    def _judge_trigger(self, visitor: str, inputs: Sequence[Input], fold: StandardFold) -> None:
        found = fired.look(visitor, inputs, self._copies[fired.TOPIC], fold)
        self._verdict.lost += found.lost
        if found.lost:
            self._verdict.example(f"lost: the trigger of {visitor}, {found}")
        if self._allowed.replayed_copies:
            # After an operator's reset an event that comes again says again what it fired.
            self._verdict.replayed += found.extra
        elif found.extra:
            self._verdict.duplicated += found.extra
            self._verdict.example(f"duplicated: the trigger of {visitor}, {found}")
        if found.wrong:
            self._mismatched(f"the trigger of {visitor}, {found}", found.wrong)

    def _count(self, topic: str, place: Place, values: Sequence[bytes]) -> None:
        extra = values[1:]
        if self._allowed.replayed_copies:
            # What has no profile cannot say it.
            again = [v for v in extra if topic != "persisted" or _is_replayed(json.loads(v))]
            self._verdict.replayed += len(again)
            extra = [value for value in extra if value not in again]
        self._verdict.duplicated += len(extra)
        if extra:
            self._verdict.example(f"duplicated: {place} is {len(values)} times in {topic}")

    def _profiles(self, place: Place) -> list[dict[str, Any]]:
        """What came to ``persisted``, decoded; without copies that may be something else."""
        found: list[dict[str, Any]] = []
        for value in self._copies["persisted"].get(place, []):
            output = json.loads(value)
            output.pop(f"{PREFIX}rules_version", None)
            if not (found and self._allowed.replayed_copies and _is_replayed(output)):
                found.append(output)
        return found

    def _mismatched(self, what: str, count: int = 1) -> None:
        self._verdict.mismatched += count
        self._verdict.example(f"mismatched: {what}")


def _by_visitor(inputs: Iterable[Input]) -> dict[str, list[Input]]:
    found: defaultdict[str, list[Input]] = defaultdict(list)
    for each in sorted(inputs, key=lambda given: given.place):
        if not each.event.is_bad:
            found[each.event.visitor].append(each)
    return found


def _is_replayed(output: Mapping[str, Any]) -> bool:
    return bool(output.get(f"{PREFIX}replayed"))


def _as_stored(value: object) -> str:
    """As a read of the script writes it."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def _difference(right: Mapping[str, object], found: Mapping[str, object]) -> str:
    names = sorted(right.keys() | found.keys())
    return ", ".join(
        f"{name.removeprefix(PREFIX)} {found.get(name)!r} for {right.get(name)!r}"
        for name in names
        if right.get(name) != found.get(name)
    )
