"""Forgetting a visitor: the profile goes, a mark stays, and a list of hashes that outlives keys.

The mark stands under the visitor's own key (``lua/forget.lua``), where the script meets it in the
call that would bring the visitor back. So it guards one key pattern. The list guards those to come:
it has a hash of each forgotten id, and the patterns in use. `profiler replay` enters its pattern
before it reads the list, and `forget` enters the id before it reads the patterns; so whatever runs
at the same time, one of them sees the other.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import NamedTuple

from profiler.profiles.keyed_hash import KeyedHash, StoredIds
from profiler.profiles.keys import key_of, sidecar_of
from profiler.profiles.redis import Command, Nodes
from profiler.profiles.redis.faults import checked, translating
from profiler.profiles.redis.nodes import Words
from profiler.rules.contract import STATE_FIELD

#: The list, and the key patterns: hashes of their own, of no pattern.
LIST_KEY, PATTERNS_KEY = "profiler:forgotten", "profiler:forgotten:patterns"

#: As a time up to which events are forgotten: all of them.
EVER = 10**15 - 1

#: A mark without a profile: an "f", and the time in 7 bytes.
_MARK_BYTES = 8
_IDS_AT_ONCE = 500

SCRIPT = (files("profiler") / "_lua" / "forget.lua").read_text("utf-8")
_SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


class Forgotten(NamedTuple):
    """What the list says of an id.

    Attributes:
        till: ms; events from before it are nobody's.
        ends_at: ms; when its marks expire.
    """

    till: int
    ends_at: int


def names_of(visitor_id: str, keyed_hash: KeyedHash | None) -> list[str]:
    """What may stand for an id in the list; the first one is written."""
    plain = f"sha256:{hashlib.sha256(visitor_id.encode()).hexdigest()}"
    return [plain] if keyed_hash is None else [f"hmac:{keyed_hash(visitor_id)}", plain]


def mark_words(key: str, till: int, keep_ms: int, *, only_new: bool = False) -> Words:
    """The call that forgets what a key has, once `SCRIPT` is loaded.

    Args:
        key: the visitor's.
        till: see `Forgotten`.
        keep_ms: how long the mark lives.
        only_new: leave alone what has such a mark already, and what began behind it.
    """
    return ("EVALSHA", _SHA, 2, key, sidecar_of(key), till, keep_ms, int(only_new))


class Forgetting:
    """Forgets visitors, and keeps the list. Every method raises as `ProfileScript.apply` does.

    Args:
        nodes: the servers.
        pattern: the rules' key pattern.
        ids: says which id Redis has for a visitor's.
    """

    def __init__(self, nodes: Nodes, pattern: str, ids: StoredIds) -> None:
        self._nodes = nodes
        self._pattern = pattern
        self._ids = ids

    def forget(self, visitor_ids: Sequence[str], *, till: int, keep_ms: int, now_ms: int) -> int:
        """Forget visitors, by every pattern in use. It may be repeated, and is where it failed.

        Args:
            visitor_ids: as events have them; of each any number of times.
            till: see `Forgotten`.
            keep_ms: how long marks and list remember it.
            now_ms: the time.

        Returns:
            How many profiles there were.
        """
        self._drop_expired(now_ms)
        found = 0
        for at in range(0, len(visitor_ids), _IDS_AT_ONCE):
            some = visitor_ids[at : at + _IDS_AT_ONCE]
            value = f"{till}:{now_ms + keep_ms}"
            names = [names_of(each, self._ids.keyed_hash)[0] for each in some]
            pairs = [word for name in names for word in (name, value)]
            self._ask(LIST_KEY, ("HSET", LIST_KEY, *pairs))
            # Its end: the latest of its entries'.
            self._ask(LIST_KEY, ("PEXPIRE", LIST_KEY, keep_ms, "NX"))
            self._ask(LIST_KEY, ("PEXPIRE", LIST_KEY, keep_ms, "GT"))
            self.load()
            keys = self._keys_of(some, self.enter_pattern())
            marks = [Command(key, mark_words(key, till, keep_ms)) for key in keys]
            with translating():
                found += sum(map(checked, self._nodes.call(marks)))
        return found

    def look(self, visitor_ids: Sequence[str]) -> int:
        """How many profiles `forget` would remove; changes nothing."""
        with translating():
            patterns = self._nodes.call([Command(PATTERNS_KEY, ("HKEYS", PATTERNS_KEY))])[0]
            known = {self._pattern, *(name.decode() for name in checked(patterns))}
            keys = self._keys_of(visitor_ids, known)
            exist = self._nodes.call([Command(key, ("EXISTS", key)) for key in keys])
            states = self._nodes.call([Command(key, ("HGET", key, STATE_FIELD)) for key in keys])
        return sum(
            checked(is_there) and not _is_bare_mark(state)
            for is_there, state in zip(exist, states, strict=True)
        )

    def enter_pattern(self) -> set[str]:
        """Have the pattern known to every `forget` from now on; returns all that are known."""
        self._ask(PATTERNS_KEY, ("HSET", PATTERNS_KEY, self._pattern, ""))
        found = self._ask(PATTERNS_KEY, ("HKEYS", PATTERNS_KEY))
        assert isinstance(found, list)  # noqa: S101 - what HKEYS answers
        return {name.decode() for name in found}

    def listed(self) -> dict[str, Forgotten]:
        """The list, by what stands for an id; see `names_of`."""
        found = self._ask(LIST_KEY, ("HGETALL", LIST_KEY))
        assert isinstance(found, list)  # noqa: S101 - what HGETALL answers
        return {
            name.decode(): Forgotten(*map(int, value.split(b":")))
            for name, value in zip(found[::2], found[1::2], strict=True)
        }

    def load(self) -> None:
        """Load the script that forgets into every server."""
        with translating():
            self._nodes.call_everywhere(("SCRIPT", "LOAD", SCRIPT))

    def _drop_expired(self, now_ms: int) -> None:
        over = [name for name, entry in self.listed().items() if entry.ends_at <= now_ms]
        for at in range(0, len(over), _IDS_AT_ONCE):
            self._ask(LIST_KEY, ("HDEL", LIST_KEY, *over[at : at + _IDS_AT_ONCE]))

    def _keys_of(self, visitor_ids: Iterable[str], patterns: Iterable[str]) -> list[str]:
        stored = [self._ids.of(visitor_id) for visitor_id in dict.fromkeys(visitor_ids)]
        return [key_of(pattern, each) for pattern in sorted(patterns) for each in stored]

    def _ask(self, key: str, words: Words) -> object:
        with translating():
            (reply,) = self._nodes.call([Command(key, words)])
            return checked(reply)


def _is_bare_mark(state: object) -> bool:
    if str(state).startswith("WRONGTYPE"):
        return False  # no profile of ours, and it would be removed
    checked(state)
    return isinstance(state, bytes) and len(state) == _MARK_BYTES and state[:1] == b"f"


class Remembered:
    """Gives the keys of a new pattern the marks that the list has, as their visitors come by.

    The thread that packs calls `meet`, and the thread that sends calls all other methods. A key is
    due until it was sent, and sending twice does no harm.

    Args:
        listed: from `Forgetting.listed`.
        ids: says how an id may stand there.
        now_ms: the time.
    """

    def __init__(self, listed: Mapping[str, Forgotten], ids: StoredIds, now_ms: int) -> None:
        self._listed = listed
        self._keyed_hash = ids.keyed_hash
        self._now_ms = now_ms
        #: By key; what is sent moves from the first to the second.
        self._due: dict[str, Forgotten] = {}
        self._sent: dict[str, Forgotten] = {}

    def meet(self, visitor_id: str, key: str) -> None:
        """Take note of a visitor who is about to be called."""
        if key in self._sent:
            return
        for name in names_of(visitor_id, self._keyed_hash) if self._listed else ():
            entry = self._listed.get(name)
            if entry is not None and entry.ends_at > self._now_ms:
                self._due[key] = entry
                return

    def due(self) -> list[Command]:
        """The commands that go before the calls of the visitors who were met."""
        return [
            Command(key, mark_words(key, till, ends_at - self._now_ms, only_new=True))
            for key, (till, ends_at) in list(self._due.items())
        ]

    def sent(self, commands: Iterable[Command]) -> None:
        """These are in Redis."""
        for key, _ in commands:
            if key in self._due:
                self._sent[key] = self._due.pop(key)

    def lost(self) -> None:
        """Redis may have lost what it acknowledged: all of them are due again."""
        self._due |= self._sent
        self._sent = {}
