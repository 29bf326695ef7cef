"""Which rights a worker's Redis user lacks, found out by calls that change nothing.

A server looks at the rights first and at the arguments last: a call with wrong arguments, or one
that finds nothing to do, shows whether it is allowed. So no right to ask about rights (ACL DRYRUN)
is needed, and what is tested is what the script does, whose own calls are held to the same rights.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from redis.exceptions import NoPermissionError, NoScriptError

#: Arguments, behind the key, with which a command changes nothing, whatever the key holds.
_HARMLESS: dict[str, tuple[str | int, ...]] = {
    "EXISTS": (),
    "HDEL": ("no such field",),
    "HEXISTS": ("no such field",),
    "HGET": ("no such field",),
    "HGETALL": (),
    "HKEYS": (),
    "HLEN": (),
    "HMGET": ("no such field",),
    "HSET": ("field", "value", "field without a value"),
    "PEXPIRE": (1, "GT"),
}
_NO_LUA = "return ("


class Rights(NamedTuple):
    """What the user may do, as far as the script needs it.

    Attributes:
        missing: what ``ACL SETUSER <user>`` would have to grant, e.g. ``+hset`` or ``~visitor:*``.
        is_loaded: whether the server knows the script now; None where EVALSHA is refused.
    """

    missing: list[str]
    is_loaded: bool | None


def harmless_calls(script: str, sha: str, key: str) -> list[tuple[str | int, ...]]:
    """One call of every command that a worker needs: its own, and the script's.

    Args:
        script: its text.
        sha: its name.
        key: of the script's pattern, and of no visitor.
    """
    own = [("EVALSHA", sha, 1, key), ("SCRIPT", "LOAD", _NO_LUA)]
    # Those of marks.
    own += [("GET", key), ("SET", key, "", "PX", "no number")]
    return [*own, *_commands(script, key, r"(?!outputs\b)")]


def harmless_sidecar_calls(script: str, key: str) -> list[tuple[str | int, ...]]:
    """One call of every command that stored outputs need, the worker's HDEL among them.

    Args:
        script: its text.
        key: a sidecar of no visitor.
    """
    return _commands(script, key, r"outputs\b")


def _commands(script: str, key: str, of: str) -> list[tuple[str | int, ...]]:
    """The script's commands on one of its keys, which it calls so."""
    used = sorted(set(re.findall(rf'redis\.p?call\("(\w+)", {of}', script)))
    return [(command, key, *_HARMLESS[command]) for command in used]


def rights_of(answers: Sequence[object], key_glob: str) -> Rights:
    """Read the answers to `harmless_calls`; `key_glob` stands for the keys that they were about."""
    refusals = [str(answer) for answer in answers if isinstance(answer, NoPermissionError)]
    commands = [re.search(r"run the '([^']+)' command", refusal) for refusal in refusals]
    missing = [f"+{command[1]}" if command else f"~{key_glob}" for command in commands]
    is_loaded = not isinstance(answers[0], NoScriptError)
    unknown = isinstance(answers[0], NoPermissionError)
    return Rights(list(dict.fromkeys(missing)), None if unknown else is_loaded)


def merged(found: Iterable[Rights]) -> Rights:
    """What is missing on any server, and whether all of them know the script."""
    each = list(found)
    loaded = [rights.is_loaded for rights in each]
    return Rights(
        list(dict.fromkeys(right for rights in each for right in rights.missing)),
        None if None in loaded else all(loaded),
    )
