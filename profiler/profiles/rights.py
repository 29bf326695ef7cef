"""Which rights a worker's Redis user lacks, found out by calls that change nothing.

A server looks at the rights first and at the arguments last: a call with wrong arguments, or one
that finds nothing to do, shows whether it is allowed. So no right to ask about rights (ACL DRYRUN)
is needed, and what is tested is what the script does, whose own calls are held to the same rights.
"""

import re
import uuid
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from redis.exceptions import NoPermissionError, NoScriptError

from profiler.profiles.keys import key_of, sidecar_of
from profiler.profiles.redis import Command, Nodes
from profiler.rules.model import Rules
from profiler.rules.render import sha_of

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


def rights_on(nodes: Nodes, rules: Rules, script: str, *, outputs: bool) -> Rights:
    """Try every command that a worker needs, on keys that no visitor has; writes nothing.

    Args:
        nodes: the servers; each is tried.
        rules: of the script.
        script: its text.
        outputs: whether the worker stores outputs.

    Raises:
        redis.RedisError: a server cannot be reached, is not ready, or refuses the login.
    """
    pattern, sha = rules.store.key, sha_of(script)
    try:
        keys = nodes.key_on_each(lambda: key_of(pattern, f"profiler-check-{uuid.uuid4().hex}"))
    except NoPermissionError as error:  # to ask where the slots are
        return rights_of([error], "")
    glob = pattern.replace("<id>", "*")
    found = []
    for key in keys:
        trials = [*harmless_calls(script, sha, key), *nodes.own_calls]
        found.append(rights_of(nodes.call([Command(key, words) for words in trials]), glob))
        if outputs:
            sidecar = sidecar_of(key)
            of_outputs = harmless_sidecar_calls(script, sidecar)
            answers = nodes.call([Command(sidecar, words) for words in of_outputs])
            found.append(rights_of(answers, sidecar_of(glob))._replace(is_loaded=True))
    return merged(found)


def harmless_calls(script: str, sha: str, key: str) -> list[tuple[str | int, ...]]:
    """One call of every command that a worker needs: its own, and the script's.

    Args:
        script: its text.
        sha: its name.
        key: of the script's pattern, and of no visitor.
    """
    own = [("EVALSHA", sha, 1, key), ("SCRIPT", "LOAD", _NO_LUA)]
    # The commands of marks.
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
