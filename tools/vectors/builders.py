"""A vector made of its calls, with what the oracles answer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from tests.oracles.standard import PLAIN_FIELDS
from tools.vectors.answers import ArticleOracle, StandardOracle
from tools.vectors.calls import Call, Text, key_of

TTL_MS = 395 * 86_400_000
PRESETS = ("standard", "article")

Vector = dict[str, Any]


def plain(profile: Mapping[str, Text]) -> dict[str, Text]:
    """The part of a profile that the hash shows by plain names."""
    return {name: profile[name] for name in PLAIN_FIELDS if name in profile}


def vector(
    preset: str,
    name: str,
    why: str,
    calls: Iterable[Call],
    *,
    visitor: Text = "alice",
    before: Sequence[Sequence[Text]] = (),
    stored: Mapping[str, Text] | Literal["no hash"] | None = None,
    keeps_ttl: bool = True,
) -> Vector:
    """One vector; the oracle answers the calls that have no answer yet.

    Args:
        preset: which script.
        name: unique.
        why: what would break.
        calls: in order.
        visitor: whose key is looked at after the last call.
        before: commands that prepare the key; the article's oracle takes over what HSET sets.
        stored: the public hash by hand, or that the key holds none; None asks the oracle.
        keeps_ttl: the script sets the TTL, so it is expected.
    """
    oracle: StandardOracle | ArticleOracle = StandardOracle()
    if preset == "article":
        oracle = ArticleOracle(_hashes_set_by(before, visitor))
    rendered = []
    for call in calls:
        who = visitor if call.visitor is None else call.visitor
        arguments = [part for event in call.events for part in event]
        shown: dict[str, Any] = {
            "keys": [key_of(who)] if call.keys is None else call.keys,
            "argv": call.argv or [who, call.stream, call.floor, *arguments],
        }
        if call.error is not None:
            shown["error"] = call.error
        elif call.reply is not None:
            shown["reply"] = call.reply
        elif not call.events:
            shown["reply"] = oracle.current(str(who))
        else:
            shown["reply"] = [oracle.answer(str(who), str(call.stream), e) for e in call.events]
        rendered.append(shown)
    return {
        "name": name,
        "preset": preset,
        "why": why,
        "key": key_of(visitor),
        **({"before": before} if before else {}),
        "calls": rendered,
        "hash": _hash_of(oracle.stored(str(visitor)), stored),
        "ttl_ms": TTL_MS if keeps_ttl else None,
    }


def _hashes_set_by(before: Sequence[Sequence[Text]], visitor: Text) -> dict[str, dict[str, str]]:
    key = key_of(visitor)
    hashes = {}
    for command, *words in before:
        if command == "HSET" and words[0] == key:
            pairs = [str(word) for word in words[1:]]
            hashes[str(visitor)] = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return hashes


def _hash_of(
    known: Mapping[str, Text], stored: Mapping[str, Text] | Literal["no hash"] | None
) -> Mapping[str, Text] | None:
    if stored == "no hash":
        return None
    return known if stored is None else stored


def standard(name: str, why: str, calls: Iterable[Call], **more: Any) -> Vector:  # noqa: ANN401 - `vector` has the types
    """Make a vector of the preset `standard`."""
    return vector("standard", name, why, calls, **more)


def article(name: str, why: str, calls: Iterable[Call], **more: Any) -> Vector:  # noqa: ANN401 - `vector` has the types
    """Make a vector of the preset `article`."""
    return vector("article", name, why, calls, **more)
