"""An output must fit the producer; the profile that makes it too large ends in a dead letter."""

import pytest

from profiler.config.settings import Settings
from profiler.engine import Finished
from profiler.engine.python.decode import Draft, RecordDecoder
from profiler.engine.python.finish import Finisher
from profiler.profiles.reply import Applied
from profiler.records.dead_letter import size_of
from profiler.records.types import Headers, Record

SETTINGS = Settings()
FLAT = b'{"query-visitor":"%s"}'


def finished(value_bytes: int, headers: Headers, profile_bytes: int) -> Finished:
    """What becomes of a good record, by the sizes of its parts."""
    record = Record("flattened", 0, 7, 1_000, b"key", FLAT % (b"v" * value_bytes), headers)
    draft = RecordDecoder("profile", SETTINGS).decode(record)
    assert isinstance(draft, Draft)
    outcome = Applied(frozenset(), b'{"profile_page":"%s"}' % (b"p" * profile_bytes))
    return Finisher("profile", SETTINGS).finish([draft], [outcome])


@pytest.mark.parametrize("header_bytes", [10, 500_000], ids=["large-value", "large-headers"])
def test_an_output_that_just_fits_passes_and_a_larger_one_is_a_dead_letter(
    header_bytes: int,
) -> None:
    """Only rules with many long fields can make such profiles."""
    headers = (("large", b"h" * header_bytes),)
    value_bytes = 600_000 - header_bytes
    small = finished(value_bytes, headers, profile_bytes=0)
    room = SETTINGS.largest_output_bytes - size_of(small.outputs[0])

    largest = finished(value_bytes, headers, profile_bytes=room)
    assert largest.rejections == []
    assert [size_of(output) for output in largest.outputs] == [SETTINGS.largest_output_bytes]

    over = finished(value_bytes, headers, profile_bytes=room + 1)
    assert [rejection.rejected.code for rejection in over.rejections] == ["too_large"]
    assert [output.topic for output in over.outputs] == [SETTINGS.topics.rejected]
    assert over.counts["profiled"] == 0
