"""The derived inputs that a set of rules takes, for one event after the other."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from profiler.rules.derived.bots import MAX_CHARS as MAX_AGENT
from profiler.rules.derived.bots import bot_class
from profiler.rules.derived.names import PREFIX, QUERY
from profiler.rules.derived.page import Page
from profiler.rules.derived.table import Derived

if TYPE_CHECKING:
    from profiler.rules.model import Rules

#: So many pairs of an address and its referrer are remembered, and so many user agents.
PAGES, AGENTS = 4_096, 2_048

#: A longer pair is not remembered: so the memory is bounded.
_LONGEST = 2_048

_BOT = f"{PREFIX}bot"


class Remembered(NamedTuple):
    """How a memory serves: as `functools.lru_cache` counts it."""

    hits: int
    misses: int
    maxsize: int | None
    currsize: int


class DerivedInputs:
    """Computes inputs; what is remembered is all that changes.

    Args:
        derived: the table of the rules file.
        names: the inputs, and no others are computed.
    """

    def __init__(self, derived: Derived, names: Sequence[str]) -> None:
        self._derived = derived
        self._url: Any = derived.url
        self._referrer: Any = derived.referrer
        self._user_agent: Any = derived.user_agent
        self._getters = [_getter(name) for name in names if name != _BOT]
        self._bot_at = names.index(_BOT) if _BOT in names else None
        self._internal = frozenset(derived.internal)
        self._sources = derived.known_sources
        self._channels = derived.known_channels(self._sources)
        self._page = lru_cache(PAGES)(self._computed)
        self._bot = lru_cache(AGENTS)(bot_class)

    def of(self, fields: dict[str, Any]) -> tuple[str, ...]:
        """The values of an event's inputs, in the order of the names; empty where not known."""
        found: tuple[str, ...] = ()
        if self._getters:
            url, referrer = fields.get(self._url), fields.get(self._referrer)
            found = self.of_page(
                url if type(url) is str else "", referrer if type(referrer) is str else ""
            )
        at = self._bot_at
        if at is None:
            return found
        agent = fields.get(self._user_agent)
        bot = self.of_agent(agent) if type(agent) is str else ""
        return (*found[:at], bot, *found[at:])

    def of_page(self, url: str, referrer: str) -> tuple[str, ...]:
        """The inputs of a page and its referrer, in the order of the names: all but the bot."""
        is_short = len(url) + len(referrer) <= _LONGEST
        return self._page(url, referrer) if is_short else self._computed(url, referrer)

    def of_agent(self, user_agent: str) -> str:
        """The class of the bot that a user agent names; empty where it names none."""
        return self._bot(user_agent[:MAX_AGENT])

    def remembered(self) -> tuple[Remembered, Remembered]:
        """How the memory of pages serves, and the memory of user agents."""
        return Remembered(*self._page.cache_info()), Remembered(*self._bot.cache_info())

    def _computed(self, url: str, referrer: str) -> tuple[str, ...]:
        page = Page(url, referrer, self._internal, self._sources, self._channels)
        return tuple(value(page) for value in self._getters)


def _getter(name: str) -> Callable[[Page], str]:
    if name.startswith(QUERY):
        parameter = name.removeprefix(QUERY)
        return lambda page: page.query(parameter)
    return attrgetter(name.removeprefix(PREFIX))


def derived_inputs_of(rules: "Rules") -> DerivedInputs | None:
    """What computes the derived inputs of some rules; None where they have none."""
    names = rules.derived_inputs
    return DerivedInputs(rules.derived or Derived(), names) if names else None
