"""Runs the conformance vectors through a caller of this package and prints TAP.

    python run_vectors.py [--asyncio]

``lua/vectors/README.md`` describes the format. The caller is `ProfileScript`, which the worker uses
too, or `AsyncProfileScript`. It ends with 1 at the first wrong answer, with 2 when there is none.
"""

import asyncio
import json
import os
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from redis import Redis, RedisCluster, RedisError

from profiler import AsyncProfileScript, ProfileScript, Rejected
from profiler.errors import ProfilerError, ScriptContractError
from profiler.profiles.keys import key_of
from profiler.profiles.reply import Reply
from profiler.rules.contract import contract_of
from profiler.rules.model import Rules, load_rules

LUA = Path(os.environ.get("LUA_DIR") or Path(__file__).parents[2] / "lua")
URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

IS_CLUSTER = os.environ.get("REDIS_CLUSTER") == "1"

PREFIX = "<prefix>"
TTL_TOLERANCE_MS = 5_000

#: Texts as bytes, and None where nothing is known.
Value = bytes | int | bool | list[bytes | int] | None
#: Flags and values of one event's answer, and what is told of triggers where the rules have any.
Answer = tuple[frozenset[str], dict[str, Value], list[Value]]
#: What came of events, of a read, of `fields`; or an error's first word.
Outcome = list[Answer] | dict[str, Value] | list[str] | str


class Caller(Protocol):
    """What the vectors hold."""

    @property
    def rules(self) -> Rules:
        """Of its script."""

    def call(self, keys: Sequence[str], arguments: Sequence[bytes]) -> Reply:
        """Make one call with KEYS and ARGV."""


class OnALoop:
    """The caller for asyncio, each call on a loop that all of them share."""

    def __init__(self, loop: asyncio.Runner, rules: Rules) -> None:
        self._loop = loop
        self._script = AsyncProfileScript.connect(URL, rules, cluster=IS_CLUSTER)
        self.rules = rules

    def call(self, keys: Sequence[str], arguments: Sequence[bytes]) -> Reply:
        """See `Caller`."""
        return self._loop.run(self._script.call(keys, arguments))


class Mismatch(Exception):  # noqa: N818 - a finding, not an error of this program
    """A wrong answer."""

    def __init__(self, what: str, got: object, expected: object) -> None:
        super().__init__(f"{what}\nexpected {expected}\ngot      {got}")


def bytes_of(value: str | Mapping[str, str]) -> bytes:
    """A JSON text of the vectors stands for bytes."""
    return value.encode() if isinstance(value, str) else bytes.fromhex(value["hex"])


def values_of(pairs: Mapping[str, Any]) -> dict[str, Value]:
    """An object of the vectors, its texts as bytes."""
    return {name: value_of(value) for name, value in pairs.items()}


def value_of(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A value, or the values of a list."""
    if isinstance(value, list):
        return [value_of(each) for each in value]
    return bytes_of(value) if isinstance(value, str | dict) else value


def expected_of(call: Mapping[str, Any]) -> Outcome:
    """What a call must come to."""
    if "reply" in call:
        return [
            (frozenset(a["flags"]), values_of(a["profile"]), value_of(a.get("triggers", [])))
            for a in call["reply"]
        ]
    if "read" in call:
        return values_of(call["read"])
    expected: Outcome = call["fields"] if "fields" in call else call["error"]
    return expected


def outcome_of(script: Caller, keys: Sequence[str], call: Mapping[str, Any]) -> Outcome:
    """What a call comes to."""
    try:
        reply = script.call(keys, [bytes_of(each) for each in call["argv"]])
    except ScriptContractError as error:
        return error.code
    if isinstance(reply, Rejected):
        return reply.code
    if "error" in call:
        return f"an answer: {reply}"
    if "fields" in call:
        return [name.decode() for name in reply]
    fields = contract_of(script.rules).fields
    if "read" in call:
        types = {field.name: field.type for field in fields}
        names = [name.decode() for name in reply[::2]]
        return {
            name: typed(value, types[name]) for name, value in zip(names, reply[1::2], strict=True)
        }
    return [answer_of(script, *each) for each in reply]


def answer_of(script: Caller, written: bytes, *values: Value) -> Answer:
    """One event's answer; what was forgotten has no profile, whatever values stand there."""
    flags, fields = frozenset(written.decode().split()), contract_of(script.rules).fields
    shown = values[: len(fields)]
    pairs = [(f.name, typed(v, f.type)) for f, v in zip(fields, shown, strict=True)]
    told: Any = values[-1] if script.rules.triggers else []
    return flags, {} if "forgotten" in flags else dict(pairs), told


def typed(value: Value, field_type: str) -> Value:
    """A value of a reply; one of another type than its field's stays as it is, and differs."""
    return bool(value) if field_type == "boolean" and value in (0, 1) else value


def check(client: "Redis | RedisCluster", script: Caller, vector: Mapping[str, Any]) -> None:
    """Run one vector under keys of its own.

    Raises:
        Mismatch: an answer is wrong, or what is stored after it.
    """
    prefix = f"vectors:{uuid.uuid4()}:"
    key = place(prefix, vector["key"])
    if isinstance(vector["visitor"], str):
        expect("key", key, prefix + key_of(script.rules.store.key, vector["visitor"]))
    execute: Any = client.execute_command
    try:
        for command in vector.get("before", ()):
            execute(*(place(prefix, w) if isinstance(w, str) else bytes_of(w) for w in command))
        for number, call in enumerate(vector["calls"], start=1):
            keys = [place(prefix, each) for each in call["keys"]]
            what = f"call {number} of {len(vector['calls'])}"
            expect(what, outcome_of(script, keys, call), expected_of(call))
        if vector["hash"] is None:
            expect("is another type", execute("TYPE", key) not in {b"hash", b"none"}, expected=True)
        else:
            stored = {name.decode(): value for name, value in execute("HGETALL", key).items()}
            visible = {name: value for name, value in stored.items() if not name.startswith("~")}
            expect("hash", visible, values_of(vector["hash"]))
        left, most = execute("PTTL", key), vector["ttl_ms"]
        if not (left < 0 if most is None else most - TTL_TOLERANCE_MS <= left <= most):
            raise Mismatch("TTL in ms", left, most)
    finally:
        for used in {
            key,
            *(place(prefix, each) for call in vector["calls"] for each in call["keys"]),
        }:
            execute("UNLINK", used)


def place(prefix: str, word: str) -> str:
    """A word with its key's placeholder replaced."""
    return prefix + word.removeprefix(PREFIX) if word.startswith(PREFIX) else word


def expect(what: str, got: object, expected: object) -> None:
    """Compare."""
    if got != expected:
        raise Mismatch(what, got, expected)


@contextmanager
def callers(*, on_a_loop: bool) -> Iterator[Callable[[Rules], Caller]]:
    """What makes a caller of rules."""
    if on_a_loop:
        with asyncio.Runner() as loop:
            yield lambda rules: OnALoop(loop, rules)
    else:
        yield lambda rules: ProfileScript.connect(URL, rules)


def run(client: "Redis | RedisCluster", make_caller: Callable[[Rules], Caller]) -> bool:
    """Run the vectors; returns whether all hold."""
    files = sorted((LUA / "vectors").glob("*.json"))
    vectors = [vector for file in files for vector in json.loads(file.read_bytes())]
    print(f"TAP version 14\n1..{len(vectors)}")
    scripts: dict[str, Caller] = {}
    for number, vector in enumerate(vectors, start=1):
        rules = vector["rules"]
        if rules not in scripts:
            scripts[rules] = make_caller(load_rules(str(LUA / rules)))
        try:
            check(client, scripts[rules], vector)
        except Mismatch as mismatch:
            print(f"not ok {number} - {vector['name']}")
            print(textwrap.indent(f"{vector['why']}\n{mismatch}", "# "))
            print(f"Bail out! {vector['name']}")
            return False
        print(f"ok {number} - {vector['name']}")
    return True


def main() -> int:
    """Return the exit code."""
    if sys.argv[1:] not in ([], ["--asyncio"]):
        sys.exit("usage: run_vectors.py [--asyncio]")
    try:
        with (
            RedisCluster.from_url(URL) if IS_CLUSTER else Redis.from_url(URL) as client,
            callers(on_a_loop="--asyncio" in sys.argv) as make_caller,
        ):
            return 0 if run(client, make_caller) else 1
    except (OSError, ProfilerError, RedisError) as error:
        print(f"run_vectors: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
