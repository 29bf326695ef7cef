"""The judge: what came out, against a fold in plain Python of what was put in.

It shares no code with the worker. It is a function of lists, so that its own tests can hand it
outputs that are wrong in every way.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from tests.chaos.interleaving import Told, explained
from tests.oracles.shape import STANDARD
from tests.oracles.standard import StandardFold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.chaos.places import Input, Output, Place

#: Of the preset `standard` with one event id kept a visit: so only the watermark keeps counts
#: right, and not the memory of events.
SHAPE = replace(STANDARD, event_ids=1)
PREFIX = "profile_"
#: Of each kind of fault.
MOST_EXAMPLES = 2

Stored = dict[str, str]


@dataclass
class Verdict:
    """What a row came to.

    Attributes:
        inputs: records that were put in.
        persisted: records for readers of `read_committed`, all copies.
        rejected: the same.
        lost: inputs that miss an output.
        duplicated: outputs beyond one of each input and topic.
        mismatched: outputs that are not what the fold gives at their place, or of no input.
        miscounted: visitors whose stored profile is not the fold's.
        rewound: commits that went back.
        replayed: extra copies that say of themselves that they are; only where a row allows them.
        examples: the first few faults in words.
    """

    inputs: int = 0
    persisted: int = 0
    rejected: int = 0
    lost: int = 0
    duplicated: int = 0
    mismatched: int = 0
    miscounted: int = 0
    rewound: int = 0
    replayed: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Whether everything that was promised was kept."""
        return not any(getattr(self, name) for name in FAULTS)

    def example(self, text: str) -> None:
        """Keep a fault in words, which begin with its kind, if it is one of the first."""
        kind = text.partition(":")[0]
        if sum(each.startswith(kind) for each in self.examples) < MOST_EXAMPLES:
            self.examples.append(text)

    def __add__(self, other: Verdict) -> Verdict:
        """Both together."""
        numbers = {
            each.name: getattr(self, each.name) + getattr(other, each.name)
            for each in fields(self)
            if each.name != "examples"
        }
        both = Verdict(**numbers)
        for text in [*self.examples, *other.examples]:
            both.example(text)
        return both


#: The figures that must be 0.
FAULTS = ("lost", "duplicated", "mismatched", "miscounted", "rewound")


@dataclass(frozen=True)
class Allowance:
    """What a row's fault does to the output by its nature.

    Attributes:
        replayed_copies: an operator went back: outputs come again, and say so.
        orders: a visitor who is spread over partitions may get outputs that no order explains,
            since Redis lost the order in which his events were applied. His profile is right.
        profiles: the profiles are gone with Redis, and nobody has brought them back.
    """

    replayed_copies: bool = False
    orders: bool = False
    profiles: bool = False


def judge(
    inputs: Sequence[Input],
    outputs: Iterable[Output],
    stored: Callable[[str], Mapping[str, str]],
    *,
    commits: Mapping[tuple[int, int], Sequence[int]] | None = None,
    allowed: Allowance = Allowance(),
) -> Verdict:
    """Compare everything that went in with everything that came out and is stored.

    Args:
        inputs: in any order.
        outputs: as a reader of `read_committed` sees them, in any order.
        stored: a visitor's profile in Redis, as text.
        commits: every offset that was ever committed, by stream, in order.
        allowed: what is no fault in this row.
    """
    verdict = Verdict(inputs=len(inputs))
    by_place = {each.place: each for each in inputs}
    copies = _by_topic_and_place(outputs, by_place, verdict)
    persisted, flattened = copies["persisted"], copies["flattened"]
    told = _decoded(persisted)
    for place, given in by_place.items():
        right = ("rejected",) if given.event.is_bad else ("flattened", "persisted")
        wrong = {"flattened", "persisted", "rejected"} - set(right)
        if any(place not in copies[topic] for topic in right):
            verdict.lost += 1
            verdict.example(f"lost: {place}")
        for topic in sorted(wrong):
            if found := copies[topic].get(place):
                verdict.mismatched += len(found)
                verdict.example(f"mismatched: {place} came to {topic}: {found[0][:200]!r}")
        for topic in right:
            _count_copies(topic, place, copies[topic].get(place, ()), allowed, verdict)
    for place, values in flattened.items():
        event = by_place[place].event
        if not event.is_bad and any(json.loads(value) != event.flat() for value in values):
            verdict.mismatched += 1
            verdict.example(f"mismatched: {place} is flattened to {values[0][:200]!r}")
    for visitor, own in _by_visitor(inputs).items():
        _judge_visitor(visitor, own, told, stored, allowed, verdict)
    for stream, offsets in (commits or {}).items():
        for before, after in zip(offsets, offsets[1:], strict=False):
            if after < before:
                verdict.rewound += 1
                verdict.example(f"rewound: {stream} from {before} to {after}")
    return verdict


Copies = dict[str, dict["Place", list[bytes]]]


def _by_topic_and_place(
    outputs: Iterable[Output], inputs: Mapping[Place, Input], verdict: Verdict
) -> Copies:
    copies: Copies = {"flattened": {}, "persisted": {}, "rejected": {}}
    for output in outputs:
        if output.topic != "flattened":
            setattr(verdict, output.topic, getattr(verdict, output.topic) + 1)
        if output.place not in inputs:
            verdict.mismatched += 1
            verdict.example(f"mismatched: {output.topic} has an output of no input, {output.place}")
            continue
        copies[output.topic].setdefault(output.place, []).append(output.value)
    return copies


def _count_copies(
    topic: str, place: Place, values: Sequence[bytes], allowed: Allowance, verdict: Verdict
) -> None:
    extra = values[1:]
    if not extra:
        return
    if allowed.replayed_copies:
        # What has no profile cannot say it.
        again = [v for v in extra if topic != "persisted" or json.loads(v)["profile_replayed"]]
        verdict.replayed += len(again)
        extra = [value for value in extra if value not in again]
    verdict.duplicated += len(extra)
    if extra:
        verdict.example(f"duplicated: {place} is {len(values)} times in {topic}")


def _decoded(persisted: Mapping[Place, Sequence[bytes]]) -> dict[Place, list[dict[str, Any]]]:
    told: dict[Place, list[dict[str, Any]]] = {}
    for place, values in persisted.items():
        told[place] = [json.loads(value) for value in values]
        for each in told[place]:
            each.pop(f"{PREFIX}rules_version", None)
    return told


def _by_visitor(inputs: Iterable[Input]) -> dict[str, list[Input]]:
    found: defaultdict[str, list[Input]] = defaultdict(list)
    for each in sorted(inputs, key=lambda given: given.place):
        if not each.event.is_bad:
            found[each.event.visitor].append(each)
    return found


def _judge_visitor(
    visitor: str,
    inputs: Sequence[Input],
    told: Mapping[Place, list[dict[str, Any]]],
    stored: Callable[[str], Mapping[str, str]],
    allowed: Allowance,
    verdict: Verdict,
) -> None:
    streams: defaultdict[tuple[int, int], list[Told]] = defaultdict(list)
    for place, event in inputs:
        outputs = told.get(place, [])
        if allowed.replayed_copies:
            outputs = outputs[:1] + [o for o in outputs[1:] if not o.get(f"{PREFIX}replayed")]
        streams[place.stream].append(Told(place, event.flat(), event.timestamp_ms, outputs))
    is_spread = len(streams) > 1
    fold = StandardFold(SHAPE)
    if not is_spread:
        (only,) = streams.values()
        for each in only:
            right = each.expected(fold)
            for output in each.outputs:
                if output != right:
                    verdict.mismatched += 1
                    verdict.example(f"mismatched: {each.place} {_difference(right, output)}")
    else:
        found = explained(list(streams.values()), SHAPE)
        fold = found.fold
        if not allowed.orders and found.unexplained:
            verdict.mismatched += found.unexplained
            verdict.example(
                f"mismatched: {found.unexplained} of {len(inputs)} outputs of {visitor},"
                " spread over partitions, that no order explains"
            )
    if not allowed.profiles:
        right_profile = {name: _as_stored(v) for name, v in fold.latest(visitor).items()}
        profile = dict(stored(visitor))
        if is_spread:
            # Which visit was the first depends on the order of arrival by nature.
            right_profile.pop("visit_number", None)
            profile.pop("visit_number", None)
        if profile != right_profile:
            verdict.miscounted += 1
            verdict.example(f"miscounted: {visitor} {_difference(right_profile, profile)}")


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
