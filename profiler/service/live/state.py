"""All that the live page shows, and the messages that browsers get of it."""

import base64
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from profiler.config.settings import TopicSettings
from profiler.records.dead_letter import VALUE_BYTES
from profiler.records.headers import ERROR_CODE, ERROR_REASON, ERROR_STAGE, source_of
from profiler.records.types import Record
from profiler.rules.contract import ID_FIELDS, contract_of
from profiler.rules.model import Rules
from profiler.rules.shown import names_of, profile_part
from profiler.service.live.histories import EVENTS_EACH, MOST_VISITORS, Histories
from profiler.service.live.rates import Rates
from profiler.service.live.rings import Ring, Tally
from profiler.service.live.visits import MOST_VISITS, WINDOW_S, VisitWindow

_EVENTS, _REJECTED, _TRIGGERED = 40, 30, 30
#: Of a text that is shown, and of a dead letter's bytes.
_MOST_CHARACTERS, _MOST_BYTES = 200, 1_024
#: A longer id is not the profiler's, see the setting `limits.max_id_bytes`.
_MOST_ID_CHARACTERS = 4_096

#: What the state says before it is told that the topics are read.
NOT_YET = "not connected to Kafka yet"


class LiveState:
    """Bounded windows over what the topics bring; any thread may call it.

    Args:
        rules: that made the profiles.
        topics: names of the topics.
        lag: how far the workers are behind; None where that is not known.
        is_guarded: whether a reader needs a token.
    """

    def __init__(
        self,
        rules: Rules,
        topics: TopicSettings,
        *,
        lag: Callable[[], int | None],
        is_guarded: bool,
    ) -> None:
        self._lock = threading.Lock()
        self._lag = lag
        self._topics = topics
        self._names = names = names_of(rules)
        contract = contract_of(rules)
        self._flags = list(contract.flags)
        self._rates = Rates("records", "visits", "visitors", "rejected", "fired")
        self._tops = {"entry": names.entry, "channel": names.channel, "source": names.source}
        self._visits = VisitWindow([*self._tops.values()])
        self._histories = Histories(names)
        self._events, self._rejected = Ring(_EVENTS), Ring(_REJECTED)
        self._triggered = Ring(_TRIGGERED)
        self._codes, self._triggers = Tally(), Tally()
        #: Of the latest record; a browser that has nothing asks for what is after 0.
        self._number = 1
        self._records = self._skipped = 0
        self._trouble = NOT_YET
        self._hello = {
            "rules": rules.name,
            "rules_version": contract.rules_version,
            "topics": topics.model_dump(),
            "is_guarded": is_guarded,
            "has_triggers": bool(rules.triggers),
            "tops": [kind for kind, name in self._tops.items() if name],
            "fields": [
                {"name": name, "scope": scope, "type": type_, "is_time": name in names.times}
                for name, scope, type_ in names.fields
            ],
            "window_s": WINDOW_S,
            "most_visits": MOST_VISITS,
            "most_visitors": MOST_VISITORS,
            "events_each": EVENTS_EACH,
        }

    @property
    def version(self) -> int:
        """Another number whenever something came."""
        return self._number

    def add(self, records: Iterable[Record]) -> None:
        """Take records of the topics of profiles, dead letters and triggers."""
        with self._lock:
            for record in records:
                self._number += 1
                if record.topic == self._topics.persisted:
                    self._add_persisted(record)
                elif record.topic == self._topics.rejected:
                    self._add_rejected(record)
                else:
                    self._add_trigger(record)

    def skip(self, count: int) -> None:
        """Note that offsets were left out, because too much came."""
        with self._lock:
            self._skipped += count

    def tell_trouble(self, trouble: str) -> None:
        """Note why nothing comes; empty while all is well."""
        self._trouble = trouble
        self._number += 1

    def message(self, after: int) -> tuple[bytes, int]:
        """What a browser has not seen, as JSON, and the number up to which it has then.

        Args:
            after: that number, of the message before; 0 for the first, which also says what the
                names mean.
        """
        with self._lock:
            visitors, visits = self._visits.counts()
            message: dict[str, Any] = {
                "now": time.time_ns() // 1_000_000,
                "trouble": self._trouble,
                "records": self._records,
                "rate": round(self._rates.per_second("records"), 1),
                "history": self._rates.history(),
                "lag": self._lag(),
                "skipped": self._skipped,
                "visitors": visitors,
                "visits": visits,
                "is_full": self._visits.is_full,
                "tops": dict(zip(self._tops, self._visits.tops(), strict=True)),
                "codes": self._codes.items(),
                "rejections": self._codes.total,
                "triggers": self._triggers.items(),
                "firings": self._triggers.total,
                "events": _fragments(self._events.after(after)),
                "rejected": _fragments(self._rejected.after(after)),
                "triggered": _fragments(self._triggered.after(after)),
            }
            if not after:
                message["hello"] = self._hello
            return orjson.dumps(message), self._number

    def events_of(self, visitor: str) -> bytes:
        """The last events of a visitor, as JSON: newest first, each with what it changed."""
        with self._lock:
            return orjson.dumps({"events": _fragments(self._histories.of(visitor))})

    def _add_persisted(self, record: Record) -> None:
        try:
            flat = orjson.loads(record.value or b"")
        except orjson.JSONDecodeError:
            return  # a tombstone, or not the profiler's
        if not isinstance(flat, dict):
            return
        self._records += 1
        self._rates.add("records")
        profile = profile_part(flat)
        visitor = _id(profile.get(self._names.visitor))
        visit = _id(profile.get(self._names.visit))
        number = profile.get(self._names.number)
        event: dict[str, Any] = {
            "n": self._number,
            "time": record.timestamp,
            "visitor": visitor,
            "visit": visit,
            "number": number if isinstance(number, int) else None,
            "kind": _shown(flat.get(self._names.kind_input)),
            "page": _shown(flat.get(self._names.page_input)),
            "entry": _shown(profile.get(self._names.entry)),
            "channel": _shown(profile.get(self._names.channel)),
            "flags": [flag for flag in self._flags if profile.get(flag) is True],
        }
        if visitor is None:
            self._events.add(self._number, orjson.dumps(event))
            return
        is_new = self._visits.add(visitor, visit, profile)
        self._rates.add("visits", visit is not None and profile.get("new_visit", is_new) is True)
        self._rates.add("visitors", profile.get("new_visitor") is True)
        changes = self._histories.compare(visitor, visit, profile)
        event["changes"] = len(changes.fields) if changes.is_whole else None
        self._events.add(self._number, orjson.dumps(event))
        self._histories.note(visitor, event, changes)

    def _add_rejected(self, record: Record) -> None:
        headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
        code = _shown(headers.get(ERROR_CODE)) or "(none)"
        self._codes.add(code)
        self._rates.add("rejected")
        value = record.value or b""
        size = headers.get(VALUE_BYTES, "")
        item = {
            "n": self._number,
            "time": record.timestamp,
            "code": code,
            "stage": _shown(headers.get(ERROR_STAGE)),
            "reason": (headers.get(ERROR_REASON) or "")[:600],
            "source": source_of(record.headers),
            "size": int(size) if record.value is None and size.isdecimal() else len(value),
            # Whoever shows them must escape them; as Base64 they mean nothing until then.
            "bytes": base64.b64encode(value[:_MOST_BYTES]).decode(),
        }
        self._rejected.add(self._number, orjson.dumps(item))

    def _add_trigger(self, record: Record) -> None:
        try:
            told = orjson.loads(record.value or b"")
        except orjson.JSONDecodeError:
            return
        if not isinstance(told, dict):
            return
        name, state = _shown(told.get("trigger")) or "(none)", _shown(told.get("state"))
        if state == "fired":
            self._triggers.add(name)
            self._rates.add("fired")
        item = {
            "n": self._number,
            "time": record.timestamp,
            "trigger": name,
            "state": state,
            "scope": _shown(told.get("scope")),
            "visitor": _id(told.get(ID_FIELDS[0])),
        }
        self._triggered.add(self._number, orjson.dumps(item))


def _shown(value: object) -> str | None:
    """A text as it is shown; what else an event may hold in its place is none."""
    return value[:_MOST_CHARACTERS] if isinstance(value, str) else None


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= _MOST_ID_CHARACTERS else None


def _fragments(items: Iterable[bytes]) -> list[orjson.Fragment]:
    return [orjson.Fragment(item) for item in items]
