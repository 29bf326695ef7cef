"""Visitors' hashes as they are stored, whatever is in them: read, copied, and exchanged.

What a state means is the script's own affair; here it is bytes.
"""

import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files

from profiler.profiles.redis import Command, Nodes
from profiler.profiles.redis.faults import checked, translating
from profiler.records.types import Rejected

#: Names and values of a hash; none where there is no key.
Fields = Mapping[bytes, bytes]

_SCRIPT = (files("profiler") / "_lua" / "swap.lua").read_text("utf-8")
_SHA = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()


class StoredHashes:
    """The hashes of visitors. Every method raises as `ProfileScript.apply` does.

    Args:
        nodes: the servers.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def read(self, keys: Sequence[str]) -> list[Fields | Rejected]:
        """The hashes of keys, each with one command, which changes nothing."""
        with translating():
            found = self._nodes.call([Command(key, ("HGETALL", key)) for key in keys])
        return [_fields_of(reply) for reply in found]

    def write(self, hashes: Mapping[str, Fields]) -> None:
        """Put hashes in the place of what there is. For servers of our own: they do not expire."""
        commands = []
        for key, fields in hashes.items():
            commands.append(Command(key, ("DEL", key)))
            if fields:
                pairs = [word for pair in fields.items() for word in pair]
                commands.append(Command(key, ("HSET", key, *pairs)))
        with translating():
            for reply in self._nodes.call(commands):
                checked(reply)

    def swap(self, key: str, before: Fields, after: Fields, *, ttl_ms: int) -> bool:
        """Put a hash in the place of another one, in one step; see ``lua/swap.lua``.

        Args:
            key: the visitor's.
            before: what was read.
            after: what takes its place; not empty.
            ttl_ms: of a key that has no end yet.

        Returns:
            Whether it did: not where the hash is another one by now.
        """
        words = [word for fields in (before, after) for pair in fields.items() for word in pair]
        call = Command(key, ("EVALSHA", _SHA, 1, key, ttl_ms, len(before), *words))
        with translating():
            self._nodes.call_everywhere(("SCRIPT", "LOAD", _SCRIPT))
            (reply,) = self._nodes.call([call])
            return bool(checked(reply))


def _fields_of(reply: object) -> Fields | Rejected:
    if isinstance(reply, Exception) and str(reply).startswith("WRONGTYPE"):
        return Rejected("EPROFILE", "the key holds no hash: another program wrote it")
    found = checked(reply)
    if isinstance(found, dict):
        return found
    assert isinstance(found, list)  # noqa: S101 - what HGETALL answers
    return dict(zip(found[::2], found[1::2], strict=True))
