"""What engines are made for: modes, rules, limits and fates, each of them in some setup."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import redis

from profiler.config.settings import LimitSettings, Settings
from profiler.profiles.keyed_hash import PLAIN, KeyedHash, StoredIds
from profiler.profiles.script import ProfileScript
from profiler.rules.derived.names import is_derived
from profiler.rules.derived.table import Derived
from profiler.rules.model import Rules, load_rules
from tests.fuzz.records import Names
from tests.worker.hostile_records import TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from profiler.config.settings import Mode

EVERYTHING = str(Path(__file__).parents[1] / "integration" / "everything" / "everything.toml")

#: Limits that small records meet.
TIGHT = LimitSettings(max_record_bytes=2_400, max_depth=6, max_fields=30, max_id_bytes=20)

_KEY = KeyedHash(b"0123456789abcdef0123456789abcdef")


class Setup(NamedTuple):
    """One way to run.

    Attributes:
        mode: which stages.
        rules: name of a preset, or path.
        more: settings that are not the default.
        stream: see `Engine.batch`.
        floors: likewise.
        stored: which id Redis gets for a visitor's.
    """

    mode: Mode
    rules: str = "standard"
    more: Mapping[str, Any] = {}
    stream: str = "topic"
    floors: Mapping[int, int] | None = None
    stored: StoredIds = PLAIN

    @property
    def settings(self) -> Settings:
        """Those of the engine."""
        return Settings(rules=self.rules, **self.more)

    def script(self, meet: Callable[[str, str], None]) -> ProfileScript | None:
        """A caller of the script, whose clock stands still; it never connects.

        Args:
            meet: see `ProfileScript`.
        """
        if self.mode == "flatten":
            return None
        return ProfileScript(
            redis.Redis(),
            self.parsed_rules,
            max_id_bytes=self.settings.limits.max_id_bytes,
            clock=lambda: TIME,
            stored=self.stored,
            meet=meet,
        )

    @property
    def parsed_rules(self) -> Rules:
        """The rules that the path names."""
        return _rules(self.rules)

    @property
    def names(self) -> Names:
        """The fields that the rules read."""
        rules = self.parsed_rules
        ids = rules.identity
        read = [ids.received, ids.created, ids.sent, ids.event_id, *rules.inputs]
        table = rules.derived or Derived()
        read += [field for name in rules.derived_inputs for field in table.fields_of(name)]
        others = tuple(dict.fromkeys(name for name in read if name and not is_derived(name)))
        return Names(tuple(ids.visitor), ids.visit, others)

    def __str__(self) -> str:
        rules = Path(self.rules).stem
        return f"{self.mode}/{rules} {dict(self.more)} {self.stream!r} {self.floors}"


@cache
def _rules(name: str) -> Rules:
    return load_rules(name)


_FATES = {"anonymous": "reject", "tombstones": "drop"}

SETUPS = (
    Setup("run"),
    Setup("run", more={"limits": TIGHT}, floors={1: 5}),
    Setup("run", "lean", {"limits": TIGHT, **_FATES}, floors={0: 10**12}),
    Setup("run", "article", floors={0: 0}),
    Setup("run", "article", {"limits": TIGHT}, stream=""),
    Setup("run", EVERYTHING, stored=StoredIds(_KEY, is_hashed=True)),
    Setup("run", EVERYTHING, {"limits": TIGHT}, stored=StoredIds(_KEY), stream=""),
    Setup("flatten", more={"limits": TIGHT}),
    Setup("flatten", more=_FATES),
    Setup("profile", "lean", {"limits": TIGHT}),
    Setup("profile", "standard", {"limits": TIGHT, **_FATES}, floors={0: 500}),
    Setup("profile", EVERYTHING, stored=StoredIds(_KEY)),
)
