"""Halves of a character in JSON become U+FFFD, and nothing else changes."""

import json
import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.config.settings import Mode, Settings
from profiler.engine import EngineClass
from profiler.engine.python.decode import Draft, End, RecordDecoder
from profiler.records.surrogates import mend_surrogates
from profiler.records.types import Record

ORANGE = r"\ud83c\udf4a"  # a pair


@pytest.mark.parametrize(
    ("text", "mended", "halves"),
    [
        (r'"\ud83c"', r'"\ufffd"', 1),
        (r'"\udf4a"', r'"\ufffd"', 1),
        (r'"\uD83C and \uDF4A"', r'"\ufffd and \ufffd"', 2),
        (r'"\uDf4A\uD83c"', r'"\ufffd\ufffd"', 2),
        (r'"\ud83c\ud83c\udf4a"', rf'"\ufffd{ORANGE}"', 1),
        (rf'"{ORANGE}\udf4a"', rf'"{ORANGE}\ufffd"', 1),
        (rf'"{ORANGE}"', rf'"{ORANGE}"', 0),
        (r'"\\ud83c"', r'"\\ud83c"', 0),
        (r'"\\\ud83c"', r'"\\\ufffd"', 1),
        (r'"\ud83c\\udf4a"', r'"\ufffd\\udf4a"', 1),
        (r'"\ud83c\n\u0041"', r'"\ufffd\n\u0041"', 1),
        (r'{"\ud83c": [{"\udf4a": 1}]}', r'{"\ufffd": [{"\ufffd": 1}]}', 2),
        (r'"\ud7ff\ue000"', r'"\ud7ff\ue000"', 0),
        (r'"\ud8', r'"\ud8', 0),
        ("\\", "\\", 0),
    ],
)
def test_only_halves_that_stand_alone_are_replaced(text: str, mended: str, halves: int) -> None:
    assert mend_surrogates(text.encode()) == (mended.encode(), halves)


@given(st.text(st.characters(categories=None) | st.sampled_from('\ud83c\udf4a\\u"')))
def test_what_comes_out_is_what_a_lenient_parser_reads_with_the_halves_replaced(text: str) -> None:
    written = json.dumps([text])
    expected = re.sub("[\ud800-\udfff]", "\ufffd", json.loads(written)[0])
    mended, halves = mend_surrogates(written.encode())
    assert orjson.loads(mended) == [expected]
    assert halves == len(re.findall("[\ud800-\udfff]", json.loads(written)[0]))


def decoded(value: bytes, mode: Mode = "run", **limits: int) -> Draft | End:
    decoder = RecordDecoder(mode, Settings.model_validate({"limits": limits}))
    return decoder.decode(Record("t", 0, 0, 1, None, value, ()))


@pytest.mark.parametrize("mode", ["run", "profile"])
@pytest.mark.field(
    kind="text and files",
    meets="half an emoji in a text",
    happens="U+FFFD in its place, counted as `mended_surrogates`",
)
def test_a_record_goes_on_and_its_halves_are_counted(mode: Mode) -> None:
    processed = rb'{"q": [{"name": "t\udf4a", "value": ["\ud83c", {"\ud83c": "\ud83c\udf4a"}]}]}'
    value = (
        processed if mode == "run" else rb'{"q-t\udf4a": ["\ud83c", {"\ud83c": "\ud83c\udf4a"}]}'
    )
    draft = decoded(value, mode)
    assert isinstance(draft, Draft)
    assert draft.flat == {"q-t\ufffd": ["\ufffd", {"\ufffd": "\N{TANGERINE}"}]}
    assert orjson.loads(draft.encoded) == draft.flat
    assert draft.mended == 3
    assert draft.record.value == value


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (rb'{"q": [{"name": "\ud83c", "value": 1}]', "bad_json"),
        (rb'{"q": [{"name": "\ud83c", "value": NaN}]}', "bad_json"),
        (rb'{"q": [{"name": "\ud83c", "value": 99999999999999999999}]}', "bad_integer"),
        (rb'{"q\ud83c": 1}', "bad_shape"),
        (rb'["\ud83c"]', "not_an_object"),
        (b'{"q": [{"name": "\\ud83c", "value": "\xed\xa0\x80"}]}', "bad_utf8"),
        (rb'{"q": [{"name": "\ud83c", "value": "' + b"x" * 500 + b'"}]}', "too_large"),
    ],
)
def test_a_record_with_a_half_and_another_fault_is_rejected_for_the_other(
    value: bytes, code: str
) -> None:
    end = decoded(value, max_record_bytes=400)
    assert isinstance(end, End)
    assert end.rejected is not None
    assert end.rejected.code == code
    assert end.outputs[0].value == value


def test_a_batch_counts_them(engine: EngineClass) -> None:
    value = rb'{"q": [{"name": "t", "value": "\ud83c"}, {"name": "u", "value": "\udf4a\udf4a"}]}'
    plain = rb'{"q": [{"name": "t", "value": "\ud83c\udf4a"}]}'
    made = engine("flatten", Settings(), None)
    batch = made.batch([Record("t", 0, n, 1, None, v, ()) for n, v in enumerate((value, plain))])
    batch.decode()
    finished = batch.finish()
    assert finished.counts["mended_surrogates"] == 3
    assert finished.outputs[0].value == '{"q-t":"\ufffd","q-u":"\ufffd\ufffd"}'.encode()
