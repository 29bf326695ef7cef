"""Both engines do the same over a seeded half minute of each fuzzer, and a fuzzer finds a fault."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from profiler.engine import PythonEngine
from profiler.engine.python.batch import PythonBatch
from tests.fuzz.duel import Duel
from tests.fuzz.fuzzers import FUZZERS
from tests.fuzz.proof import PLANTS, ROOT, Plant
from tests.fuzz.records import Records
from tests.fuzz.replies import Replies
from tests.fuzz.setups import SETUPS
from tests.missing import needed_native

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from profiler.engine import Finished
    from profiler.records.types import Record

#: Inputs, not seconds, so that a run can be had again.
INPUTS = {"records": 60_000, "replies": 60_000}


@pytest.mark.parametrize("what", INPUTS)
def test_both_engines_do_the_same(what: str) -> None:
    needed_native()

    for progress in FUZZERS[what](1):
        assert not progress.difference, str(progress.difference)
        if progress.inputs >= INPUTS[what]:
            break

    assert progress.rejected > progress.inputs // 100, "the input has gone one-sided"


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_what_the_proof_breaks_is_still_there(plant: Plant) -> None:
    source = (ROOT / "native" / "src" / plant.file).read_text("utf-8")

    assert source.count(plant.right) == 1


class FaultyBatch(PythonBatch):
    """Writes outputs without an escape."""

    def finish(self) -> Finished:
        """See `Batch.finish`."""
        finished = super().finish()
        outputs = [
            each._replace(value=(each.value or b"").replace(b"\\n", b"n"))
            for each in finished.outputs
        ]
        return finished._replace(outputs=outputs)


class FaultyEngine(PythonEngine):
    """Makes them."""

    def batch(
        self,
        records: Sequence[Record],
        *,
        stream: str = "",
        floors: Mapping[int, int] | None = None,
    ) -> FaultyBatch:
        """See `Engine.batch`."""
        return FaultyBatch(
            self._decoder, self._finisher, self._script, records, stream=stream, floors=floors
        )


def test_a_fault_is_found_and_shown_by_one_record() -> None:
    chance = random.Random(1)
    setup = SETUPS[0]
    duel = Duel(setup, FaultyEngine)
    limits, room = setup.settings.limits, setup.settings.room_bytes
    records = Records(chance, setup.names, limits, room, is_flat=False)
    replies = Replies(chance, setup.parsed_rules)

    fights = (duel.fight([records.any() for _ in range(30)], replies.fair) for _ in range(100))
    found = next(filter(None, fights))

    assert len(found.records) == 1
    assert ".finished.outputs." in found.lines[0]
    assert "\\n" in found.lines[0]
