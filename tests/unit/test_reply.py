"""The script's replies become flags and JSON, by name, whatever their order and content."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.errors import ScriptContractError
from profiler.profiles.reply import Applied, Outcome, ReplyDecoder
from profiler.rules.contract import METADATA_FLAGS, PublicField, contract_of
from profiler.rules.model import load_rules

STANDARD = load_rules("standard")
ARTICLE = load_rules("article")
#: Shared by all examples, so that values and shapes of earlier ones are met again.
DECODER = ReplyDecoder(STANDARD)

TEXTS = st.binary(max_size=300) | st.text(max_size=300).map(str.encode) | st.just(b'%b"\\%')


def applied(decoder: ReplyDecoder, answer: Any) -> Applied:  # noqa: ANN401 - also a broken one
    outcomes: list[Outcome] = [None]
    decoder.decode([0], [answer], outcomes)
    (outcome,) = outcomes
    assert isinstance(outcome, Applied)
    return outcome


def value_of(field: PublicField, draw: st.DrawFn) -> tuple[bytes, object]:
    """A value as the script gives it, and as the output shows it."""
    if field.type == "integer":
        number = draw(st.integers(min_value=-(2**63), max_value=2**63 - 1))
        return b"%d" % number, number
    if field.type == "boolean":
        flag = draw(st.booleans())
        return b"%d" % flag, flag
    text = draw(TEXTS)
    return text, text.decode("utf-8", "replace")


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[bytes], frozenset[str], dict[str, object]]:
    """An answer, with its flags and the profile that it means."""
    flags = draw(st.lists(st.sampled_from(sorted(contract_of(STANDARD).flags)), unique=True))
    fields = draw(
        st.lists(st.sampled_from(contract_of(STANDARD).fields), unique_by=lambda field: field.name)
    )
    values = [value_of(field, draw) for field in fields]
    profile: dict[str, object] = {field.name: None for field in contract_of(STANDARD).fields}
    profile |= {name: flag in flags for flag, name in METADATA_FLAGS.items()}
    profile["rules_version"] = STANDARD.version
    pairs: list[bytes] = []
    for field, (raw, shown) in zip(fields, values, strict=True):
        pairs += [field.name.encode(), raw]
        profile[field.name] = shown
    shown_profile = {f"profile_{name}": value for name, value in profile.items()}
    return [" ".join(flags).encode(), *pairs], frozenset(flags), shown_profile


@given(answers())
def test_an_answer_is_decoded_by_name(
    example: tuple[list[bytes], frozenset[str], dict[str, object]],
) -> None:
    answer, flags, profile = example
    outcome = applied(DECODER, answer)
    assert outcome.flags == flags
    assert outcome.profile == profile


def test_article_shows_only_what_is_known() -> None:
    decoder = ReplyDecoder(ARTICLE)
    assert applied(decoder, [b"", b"visit_id", b"7"]).profile == {"profile_visit_id": "7"}
    assert applied(decoder, [b""]).encoded == b"{}"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([b"sold"], "unknown flags"),
        ([b"", b"visit_colour", b"red"], "unexpected field"),
        ([b"", b"visit_id"], "without a value|no array of strings"),
        ([b"", b"visit_id", b"1", b"visit_id", b"2"], "twice"),
        ([b"", b"visit_events", b"many"], "no integer"),
        ([b"", b"visit_id", None], "no array of strings"),
        ([b"", b"visit_id", [b"1"]], "no array of strings"),
        ([], "no array of strings"),
        (None, "no array of strings"),
        (b"late", "no array of strings"),
    ],
)
@pytest.mark.parametrize("known", [False, True], ids=["first", "later"])
def test_an_answer_that_breaks_the_contract_is_refused(
    answer: object, reason: str, *, known: bool
) -> None:
    decoder = ReplyDecoder(STANDARD)
    if known:  # answers of that shape were seen
        applied(decoder, [b"", b"visit_id", b"1"])
        applied(decoder, [b"", b"visit_events", b"1"])
    with pytest.raises(ScriptContractError, match=reason) as caught:
        applied(decoder, answer)
    assert "many" not in str(caught.value)


def test_earlier_values_are_kept_and_what_is_kept_is_bounded() -> None:
    decoder = ReplyDecoder(ARTICLE)
    tracemalloc.start()
    try:
        for number in range(20_000):
            short, long = b"%d" % number, b"p" * 5_000 + b"%d" % number
            answer = [b"", b"visit_first_page", short, b"visit_last_page", long]
            assert applied(decoder, answer).profile == {
                "profile_visit_first_page": short.decode(),
                "profile_visit_last_page": long.decode(),
            }
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Some 3,600 short values are kept at the end; if none were, each event would encode its own.
    assert 200_000 < kept_bytes < 2_000_000


def test_what_is_kept_of_earlier_shapes_is_bounded() -> None:
    """Of 17 fields, each may be there or not: 131,072 shapes, of some 2 kB each."""
    decoder = ReplyDecoder(STANDARD)
    fields = contract_of(STANDARD).fields
    absent: dict[str, object] = {f"profile_{field.name}": None for field in fields}
    absent |= {f"profile_{name}": False for name in METADATA_FLAGS.values()}
    absent["profile_rules_version"] = STANDARD.version
    kept_bytes = []
    tracemalloc.start()
    try:
        for shape in [*range(12_000), *range(1_000)]:  # the last ones were forgotten
            there = [field for at, field in enumerate(fields) if shape >> at & 1]
            answer = [b"", *(part for field in there for part in (field.name.encode(), b"1"))]
            shown = {
                f"profile_{field.name}": {"string": "1", "integer": 1, "boolean": True}[field.type]
                for field in there
            }
            assert applied(decoder, answer).profile == absent | shown
            kept_bytes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert len(fields) == 17
    # 4,096 shapes; all 12,000 would take 19 MB.
    assert max(kept_bytes) < 10_000_000
