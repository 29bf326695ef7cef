"""A vector made of its calls, with what the oracles answer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from tools.vectors.answers import ArticleOracle, FoldOracle, ForgettingOracle, Oracle
from tools.vectors.calls import Answer, Call, Names, Read, Text, key_of
from tools.vectors.scripts import PRESETS, SCRIPTS

TTL_MS = 395 * 86_400_000

Vector = dict[str, Any]

__all__ = ["PRESETS", "TTL_MS", "Vector", "article", "lean", "vector"]


def vector(
    script: str,
    name: str,
    why: str,
    calls: Iterable[Call | Read | Names],
    *,
    visitor: Text = "alice",
    before: Sequence[Sequence[Text]] = (),
    stored: Mapping[str, Text] | Literal["no hash"] | None = None,
    keeps_ttl: bool = True,
    till: int | None = None,
) -> Vector:
    """One vector; the oracle answers the calls that have no answer yet.

    Args:
        script: a name of `SCRIPTS`.
        name: unique.
        why: what would break.
        calls: in order.
        visitor: whose key is looked at after the last call.
        before: commands that prepare the key; the article's oracle takes over what HSET sets.
        stored: the public hash by hand, or that the key holds none; None asks the oracle.
        keeps_ttl: the script sets the TTL, so it is expected.
        till: up to when the visitor was forgotten, in ms; `before` has the mark.
    """
    known = SCRIPTS[script]
    oracle: Oracle = (
        FoldOracle(known.shape, known.gap)
        if known.shape
        else ArticleOracle({} if till else _hashes_set_by(before, visitor))
    )
    if till is not None:
        oracle = ForgettingOracle(oracle, till, tells=bool(known.shape and known.shape.triggers))
    first: dict[tuple[str, Text], Answer] = {}
    return {
        "name": name,
        "script": known.script,
        "rules": known.rules,
        "why": why,
        "visitor": visitor,
        "key": key_of(visitor),
        **({"before": before} if before else {}),
        "calls": [_shown(oracle, call, visitor, first) for call in calls],
        "hash": _hash_of(oracle.stored(_text(visitor)), stored),
        "ttl_ms": TTL_MS if keeps_ttl else None,
    }


def _shown(
    oracle: Oracle,
    call: Call | Read | Names,
    visitor: Text,
    first: dict[tuple[str, Text], Answer],
) -> dict[str, Any]:
    """One call as it stands in the file; `first` has what stored outputs answer again."""
    if isinstance(call, Names):
        return {
            "keys": list(call.keys),
            "argv": ["fields"],
            "fields": list(call.known) or oracle.names(),
        }
    who = visitor if call.visitor is None else call.visitor
    if isinstance(call, Read):
        shown: dict[str, Any] = {"keys": [key_of(who)], "argv": [who, call.now]}
        if call.error is not None:
            return shown | {"error": call.error}
        return shown | {
            "read": oracle.current(_text(who), _text(call.now))
            if call.known is None
            else call.known
        }
    count = str(len(call.events))
    arguments = [part for event in call.events for part in event.arguments()]
    shown = {
        "keys": [key_of(who), *[f"{key_of(who)}:outputs"] * call.stores]
        if call.keys is None
        else call.keys,
        "argv": [who, call.stream, call.floor, count, *arguments]
        if call.argv is None
        else call.argv,
    }
    if call.error is not None:
        return shown | {"error": call.error}
    if call.reply is not None:
        return shown | {"reply": call.reply}
    stream = _text(call.stream)
    reply = []
    for event in call.events:
        place = stream, event.offset
        answer = first.get(place) if call.stores else None
        reply.append(answer or oracle.answer(_text(who), stream, event))
        if call.stores:
            first[place] = reply[-1]
    return shown | {"reply": reply}


def _text(value: Text) -> str:
    """What the oracles take; those of bytes are answered by hand."""
    return value if isinstance(value, str) else repr(value)


def _hashes_set_by(before: Sequence[Sequence[Text]], visitor: Text) -> dict[str, dict[str, str]]:
    key = key_of(visitor)
    hashes = {}
    for command, *words in before:
        if command == "HSET" and words[0] == key:
            pairs = dict(zip(words[1::2], words[2::2], strict=True))
            hashes[_text(visitor)] = {
                str(name): value for name, value in pairs.items() if isinstance(value, str)
            }
    return hashes


def _hash_of(
    known: Mapping[str, Text], stored: Mapping[str, Text] | Literal["no hash"] | None
) -> Mapping[str, Text] | None:
    if stored == "no hash":
        return None
    return known if stored is None else stored


def lean(name: str, why: str, calls: Iterable[Call | Read | Names], **more: Any) -> Vector:  # noqa: ANN401 - `vector` has the types
    """Make a vector of the preset `lean`."""
    return vector("lean", name, why, calls, **more)


def article(name: str, why: str, calls: Iterable[Call | Read | Names], **more: Any) -> Vector:  # noqa: ANN401 - `vector` has the types
    """Make a vector of the preset `article`."""
    return vector("article", name, why, calls, **more)
