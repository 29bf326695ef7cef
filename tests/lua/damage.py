"""Damage to stored state, and what the script must do with it: answer, or refuse and leave it."""

from __future__ import annotations

import pytest
import redis
from hypothesis import strategies as st

from tests.lua.raw import Script, event

STATE = "~"


def content(script: Script) -> object:
    """What the key holds."""
    is_hash = script.client.type(script.key) == b"hash"
    return script.stored() if is_hash else script.client.dump(script.key)


def assert_refused(script: Script, error: str, *, offset: int = 10) -> None:
    """The call fails with this error, and changes neither the key nor its time to live."""
    script.client.pexpire(script.key, 1_000_000)
    before = content(script)

    with pytest.raises(redis.ResponseError, match=f"^{error}"):
        script(event(offset), stream="s")

    assert content(script) == before
    assert not script.has_full_ttl()


@st.composite
def mutations(draw: st.DrawFn) -> list[tuple[float, int, bytes]]:
    """Edits of a packed state: where (as a share), how many bytes go, what comes instead."""
    edits = st.tuples(
        st.floats(0, 1),
        st.integers(0, 4),
        # MessagePack's types by their first bytes: small numbers, maps, lists, texts, nil, ...
        st.binary(max_size=3) | st.sampled_from([bytes([b]) for b in range(0x80, 0x100)]),
    )
    return draw(st.lists(edits, min_size=1, max_size=4))


def mutated(packed: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for share, gone, added in edits:
        at = int(share * len(packed))
        packed = packed[:at] + added + packed[at + gone :]
    return packed


def assert_answered_or_refused(
    script: Script, inputs: tuple[str, ...] = ("Pageview", "home")
) -> None:
    """A read and a fold end in an answer, or in a refusal that changes nothing."""
    before = script.stored()
    refusals = ("EPROFILE ", "ELAYOUT ")
    try:
        script.read()
    except redis.ResponseError as error:
        assert str(error).startswith(refusals)  # noqa: PT017 - or no error at all
    assert script.stored() == before
    try:
        replies = script(
            *(
                [*event(at, visit=visit)[:6], *inputs]
                for at, visit in ((7, "B"), (8, "D"), (9, ""))
            ),
            stream="s",
        )
    except redis.ResponseError as error:
        assert str(error).startswith(refusals)  # noqa: PT017 - or no error at all
        assert script.stored() == before
    else:
        assert len(replies) == 3
