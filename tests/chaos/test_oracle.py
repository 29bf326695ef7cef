"""The oracle finds what is wrong: each kind of fault in outputs that are made up.

Over 250 lines: a world, and a few lines for each fault.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos.fired import READER
from tests.chaos.oracle import SHAPE, judge
from tests.chaos.places import Input, Output, Place
from tests.chaos.traffic import Traffic
from tests.chaos.verdict import FAULTS, NOTHING, Allowance, Verdict
from tests.oracles.standard import StandardFold
from tests.oracles.triggers import id_of

if TYPE_CHECKING:
    from collections.abc import Callable

PARTITIONS = 3


class World:
    """A stretch of traffic, and all that should come of it; a test then spoils it."""

    def __init__(self, seed: int = 1, count: int = 250) -> None:
        self.inputs: list[Input] = []
        self.outputs: list[Output] = []
        self.fold = StandardFold(SHAPE)
        self.commits = {(0, number): [0, 10, 20] for number in range(PARTITIONS)}
        ends = [0] * PARTITIONS
        for number, event in enumerate(islice(Traffic(seed, bad_one_in=20), count)):
            partition = number % PARTITIONS if event.is_spread else len(event.key) % PARTITIONS
            place = Place(0, partition, ends[partition])
            ends[partition] += 1
            self.inputs.append(Input(place, event))
            if event.is_bad:
                self.outputs.append(Output("rejected", place, event.value))
                continue
            flat = event.flat()
            profile = self.fold.apply(flat, record_ms=event.timestamp_ms) or {}
            if profile["visitor_events"] == 4:
                self.outputs.append(fired_by(self.fold, event.visitor, place))
            value = flat | {f"profile_{name}": told for name, told in profile.items()}
            self.outputs.append(Output("flattened", place, json.dumps(flat).encode()))
            self.outputs.append(Output("persisted", place, json.dumps(value).encode()))
        self.stored = {visitor: self.profile(visitor) for visitor in self.fold.visitors}

    def profile(self, visitor: str) -> dict[str, str]:
        """As Redis tells it."""
        latest = self.fold.latest(visitor)
        return {n: str(int(v)) if isinstance(v, bool) else str(v) for n, v in latest.items()}

    def judge(self, allowed: Allowance = NOTHING) -> Verdict:
        """As it is now."""
        return judge(
            self.inputs,
            self.outputs,
            lambda visitor: self.stored[visitor],
            commits=self.commits,
            allowed=allowed,
        )

    def persisted(self, *, spread: bool = False) -> tuple[int, Output]:
        """An output, with its index; of a visitor of one partition, or of several."""
        whose = {given.place: given.event for given in self.inputs}
        return next(
            (index, output)
            for index, output in enumerate(self.outputs)
            if output.topic == "persisted"
            and index > 60
            and output.place is not None
            and whose[output.place].is_spread == spread
        )


def fired_by(fold: StandardFold, visitor: str, place: Place) -> Output:
    """What leaves of the trigger."""
    known = fold.visitors[visitor]
    id_ = id_of(READER, known.marks[READER.name], visitor, known.counted[-1])
    return Output("triggers", place, json.dumps({"id": id_, "state": "fired"}).encode())


def wrong(verdict: Verdict) -> dict[str, int]:
    """The figures that are not 0."""
    return {name: getattr(verdict, name) for name in FAULTS if getattr(verdict, name)}


@pytest.mark.parametrize("seed", range(3))
def test_a_clean_run_is_right(seed: int) -> None:
    world = World(seed)
    verdict = world.judge()
    assert verdict.is_right, verdict.examples
    assert verdict.persisted + verdict.rejected == verdict.inputs == 250
    assert verdict.rejected > 5
    assert any(given.event.is_spread for given in world.inputs)


def test_the_order_of_the_outputs_says_nothing() -> None:
    world = World()
    world.outputs.reverse()
    world.inputs.reverse()
    assert world.judge().is_right


@pytest.mark.parametrize("topic", ["flattened", "persisted", "rejected"])
def test_an_output_that_is_missing_is_lost(topic: str) -> None:
    world = World()
    index = next(i for i, output in enumerate(world.outputs) if output.topic == topic)
    del world.outputs[index]
    assert wrong(world.judge()) == {"lost": 1}


@pytest.mark.parametrize("topic", ["flattened", "persisted", "rejected"])
def test_an_extra_copy_is_duplicated_though_it_is_the_same(topic: str) -> None:
    world = World()
    world.outputs.append(next(output for output in world.outputs if output.topic == topic))
    assert wrong(world.judge()) == {"duplicated": 1}


def changed(output: Output, **fields: Any) -> Output:  # noqa: ANN401 - any JSON
    """The same with other fields."""
    return output._replace(value=json.dumps(json.loads(output.value) | fields).encode())


@pytest.mark.parametrize("spread", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        {"profile_visitor_events": 99},
        {"profile_replayed": True},
        {"profile_visit_last_page": "another"},
        {"query-other_page_title": "another"},
        {"more": 1},
    ],
)
def test_a_field_that_is_another_is_mismatched(*, spread: bool, fields: dict[str, Any]) -> None:
    world = World()
    index, output = world.persisted(spread=spread)
    world.outputs[index] = changed(output, **fields)
    found = wrong(world.judge())
    assert found.keys() == {"mismatched"}
    assert spread or found["mismatched"] == 1


def test_the_profile_of_a_later_event_is_mismatched() -> None:
    """As where an event came again, and was given the profile of that moment."""
    world = World()
    index, output = world.persisted()
    visitor = json.loads(output.value)["profile_visitor_id"]
    later = [
        other
        for other in world.outputs[index + 1 :]
        if other.topic == "persisted" and json.loads(other.value)["profile_visitor_id"] == visitor
    ]
    profile = {k: v for k, v in json.loads(later[-1].value).items() if k.startswith("profile_")}
    world.outputs[index] = changed(output, **profile)
    assert wrong(world.judge()) == {"mismatched": 1}


def test_a_trigger_leaves_once_by_the_event_that_fired_it() -> None:
    world = World()
    index = next(i for i, output in enumerate(world.outputs) if output.topic == "triggers")
    told = world.outputs[index]
    visitor = next(given.event.visitor for given in world.inputs if given.place == told.place)
    other = next(each.place for each in world.inputs if each.event.visitor == visitor)
    assert other != told.place
    for spoilt, found in (
        ([], {"lost": 1}),
        ([told, told], {"duplicated": 1}),
        ([told, told._replace(place=other)], {"mismatched": 1}),
        ([changed(told, id="0" * 40)], {"mismatched": 1}),
        ([changed(told, state="retracted")], {"mismatched": 1}),
    ):
        world.outputs[index:] = [*spoilt, *World().outputs[index + 1 :]]
        assert wrong(world.judge()) == found
    world.outputs[index:] = [told, told, *World().outputs[index + 1 :]]
    assert world.judge(Allowance(replayed_copies=True)).replayed == 1


def test_an_output_of_no_input_is_mismatched() -> None:
    world = World()
    _, output = world.persisted()
    world.outputs.append(output._replace(place=Place(0, 0, 9_999)))
    world.outputs.append(output._replace(place=None))
    assert wrong(world.judge()) == {"mismatched": 2}


def test_an_output_in_the_other_topic_is_lost_and_mismatched() -> None:
    world = World()
    index, output = world.persisted()
    world.outputs[index] = output._replace(topic="rejected")
    assert wrong(world.judge()) == {"lost": 1, "mismatched": 1}


def test_two_orders_of_one_partition_are_mismatched() -> None:
    """The outputs of two events of one visitor, exchanged: right in number, wrong in place."""
    world = World()
    index, output = world.persisted()
    visitor = json.loads(output.value)["profile_visitor_id"]
    other = next(
        i
        for i in range(index + 1, len(world.outputs))
        if world.outputs[i].topic == "persisted"
        and json.loads(world.outputs[i].value)["profile_visitor_id"] == visitor
    )
    world.outputs[index] = output._replace(place=world.outputs[other].place)
    world.outputs[other] = world.outputs[other]._replace(place=output.place)
    assert wrong(world.judge()) == {"mismatched": 2}


def test_a_spread_visitor_may_have_any_order_of_his_partitions_and_no_other() -> None:
    """His events are applied partition after partition, then against a partition's own order."""
    world = World()
    spread = next(given.event.visitor for given in world.inputs if given.event.is_spread)
    own = [given for given in world.inputs if given.event.visitor == spread]
    assert len({given.place.partition for given in own}) > 1
    places = {given.place for given in own}
    for order, is_right in ((sorted(own), True), (sorted(own)[::-1], False)):
        fold = StandardFold(SHAPE)
        told: dict[Place, bytes] = {}
        world.outputs = [o for o in world.outputs if o.topic != "triggers" or o.place not in places]
        for place, event in order:
            flat = event.flat()
            profile = fold.apply(flat, record_ms=event.timestamp_ms) or {}
            named = {f"profile_{name}": value for name, value in profile.items()}
            told[place] = json.dumps(flat | named).encode()
            if profile["visitor_events"] == 4:
                world.outputs.append(fired_by(fold, spread, place))
        world.outputs = [
            output._replace(value=told[output.place])
            if output.topic == "persisted" and output.place in told
            else output
            for output in world.outputs
        ]
        verdict = world.judge()
        assert verdict.is_right == is_right, verdict.examples
        assert world.judge(Allowance(orders=True)).is_right


def spoil_count(profile: dict[str, str]) -> None:
    profile["visitor_events"] = str(int(profile["visitor_events"]) + 1)


def forget_field(profile: dict[str, str]) -> None:
    del profile["visitor_first_page"]


@pytest.mark.parametrize("spoil", [spoil_count, forget_field, dict.clear])
@pytest.mark.parametrize("spread", [False, True])
def test_a_profile_that_is_not_the_folds_is_miscounted(
    *, spread: bool, spoil: Callable[[dict[str, str]], None]
) -> None:
    world = World()
    _, output = world.persisted(spread=spread)
    spoil(world.stored[json.loads(output.value)["profile_visitor_id"]])
    assert wrong(world.judge()) == {"miscounted": 1}
    assert world.judge(Allowance(profiles=True)).is_right


def test_a_commit_that_goes_back_is_rewound() -> None:
    world = World()
    world.commits[0, 1] = [0, 10, 10, 9, 20, 5]
    assert wrong(world.judge()) == {"rewound": 2}


def test_copies_after_an_operators_reset_must_say_what_they_are() -> None:
    world = World()
    _, output = world.persisted()
    world.outputs.append(changed(output, profile_replayed=True))
    assert wrong(world.judge()) == {"duplicated": 1, "mismatched": 1}
    verdict = world.judge(Allowance(replayed_copies=True))
    assert (verdict.is_right, verdict.replayed) == (True, 1)
    world.outputs.append(output)
    assert wrong(world.judge(Allowance(replayed_copies=True))) == {"duplicated": 1}


def test_verdicts_add_up() -> None:
    one, other = Verdict(inputs=1, lost=1), Verdict(inputs=2, lost=3, rewound=1)
    both = one + other
    assert (both.inputs, both.lost, both.rewound, both.is_right) == (3, 4, 1, False)
