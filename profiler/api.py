"""The Python API: events in, events with profiles out, and flattening alone.

`profiler.Rules`, `profiler.ProfileScript` and `profiler.AsyncProfileScript` have modules of their
own; docs/python-api.md describes all of them.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any, Literal, NamedTuple, Self, TypeAlias

import orjson

from profiler.config.settings import EngineChoice, LimitSettings, Settings
from profiler.engine import Finished, choose_engine, process
from profiler.profiles.script import ProfileScript
from profiler.records import flatten as flattening
from profiler.records.json_objects import limits_of
from profiler.records.types import NO_TIMESTAMP, Record, Rejected
from profiler.rules.model import Rules
from profiler.servers.embedded import EmbeddedStore

#: An object, or its JSON.
Event: TypeAlias = Mapping[str, Any] | str | bytes


class Profiled(NamedTuple):
    """An event that was folded.

    Attributes:
        event: the flat object, with ``profile_<field>`` for every field of the profile; without
            any where the event names no visitor.
        triggers: what the rules' triggers fired or retracted, as the topic of triggers has it.
    """

    event: dict[str, Any]
    triggers: list[dict[str, Any]]


class Profiler:
    """The whole stage in one object: it flattens events, has them folded, and adds the profile.

    It is for one thread at a time. Any number of them, in any number of processes, may share a
    Redis.

    >>> from profiler import Profiler
    >>> view = {"query": [{"name": "other_domain_userid", "value": "ada"},
    ...                   {"name": "other_domain_sessionid", "value": "visit-1"},
    ...                   {"name": "other_eventtype", "value": "Pageview"},
    ...                   {"name": "other_page_title", "value": "Home"}]}
    >>> with Profiler("redis://127.0.0.1:6379") as stage:
    ...     [result] = stage.profile([view])
    >>> result.event["query-other_page_title"], result.event["profile_visit_first_page"]
    ('Home', 'Home')

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``; any node of a cluster. Without one it
            starts a store of its own, gone at the end (needs ``visitor-profiler[demo]``).
        rules: from `profiler.Rules`, or a preset's name, or the path of a rules file.
        flat: whether events are flat objects already.
        engine: ``python``, ``native`` where it is installed, or ``auto`` for the faster one.

    Raises:
        ConfigError: the address or the rules are wrong, or the native engine is not there.
    """

    def __init__(
        self,
        url: str | None = None,
        rules: Rules | str = "standard",
        *,
        flat: bool = False,
        engine: EngineChoice = "python",
    ) -> None:
        self._settings = Settings()
        make_engine = choose_engine(engine)
        with ExitStack() as stack:
            at = stack.enter_context(EmbeddedStore()).url if url is None else url
            self._script = stack.enter_context(ProfileScript.connect(at, rules))
            mode: Literal["run", "profile"] = "profile" if flat else "run"
            self._engine = make_engine(mode, self._settings, self._script)
            self._open = stack.pop_all()

    def profile(
        self, events: Iterable[Event], *, received: int | None = None
    ) -> list[Profiled | Rejected]:
        """Fold events in this order; one result for each.

        Args:
            events: each an object, or its JSON as text or bytes.
            received: when they were received, in ms since the epoch. Without it an event counts by
                its own time; and one that has none, by the time of this call.

        Returns:
            For each event what came of it, or why it was refused: `Rejected` with the code and the
            reason of a dead letter.

        Raises:
            StoreUnavailableError: Redis is away. Call again with the same events: what was counted
                already is recognised by the event's id.
            ScriptContractError: script and caller disagree.
            TypeError: an object holds what JSON cannot.
        """
        timestamp = NO_TIMESTAMP if received is None else received
        records = [
            Record("", 0, place, timestamp, None, _encoded(event), ())
            for place, event in enumerate(events)
        ]
        return _results(process(self._engine, self._script, records), self._settings)

    def read(self, visitor_id: str) -> dict[str, Any] | None:
        """A visitor's profile as its latest visit left it, None for an unknown one.

        Raises:
            StoreUnavailableError: Redis is away.
            StoredStateError: the key holds something else, or damaged state.
        """
        return self._script.read(visitor_id)

    def close(self) -> None:
        """Hang up, and end a store of its own."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def flatten(event: Event) -> dict[str, Any]:
    """One event as the flat object that `tracking_flattened` has.

    >>> from profiler import flatten
    >>> flatten({"query": [{"name": "other_page_title", "value": "Home"}]})
    {'query-other_page_title': 'Home'}

    Args:
        event: an object, or its JSON as text or bytes.

    Raises:
        InvalidRecordError: it would be a dead letter; with its code and reason.
        TypeError: the object holds what JSON cannot.
    """
    return flattening.decode_processed(_encoded(event), limits_of(LimitSettings()))


def _encoded(event: Event) -> bytes:
    if isinstance(event, bytes):
        return event
    # Not orjson: it would write a NaN as null, in silence. What JSON has not is refused later.
    text = event if isinstance(event, str) else json.dumps(event)
    return text.encode("utf-8", "surrogatepass")


def _results(finished: Finished, settings: Settings) -> list[Profiled | Rejected]:
    """The outputs in the order of the events."""
    results: list[Profiled | Rejected] = []
    rejected = {each.place: each.rejected for each in finished.rejections}
    for output in finished.outputs:
        if output.topic == settings.topics.persisted:
            while len(results) in rejected:
                results.append(rejected[len(results)])
            results.append(Profiled(orjson.loads(output.value or b""), []))
        elif output.topic == settings.topics.triggers:
            profiled = results[-1]
            assert isinstance(profiled, Profiled), "of a profiled event"  # noqa: S101
            profiled.triggers.append(orjson.loads(output.value or b""))
    results += [rejected[place] for place in range(len(results), finished.records)]
    return results
