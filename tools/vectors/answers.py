"""What a call must answer: the oracles, asked in the script's own terms."""

from typing import Any

from tests.oracles.article import EVENT_TYPE, PAGE, PROFILE_PREFIX, VISIT, VISITOR, ArticleProgram
from tests.oracles.events import EVENT_ID, EVENT_TIME
from tests.oracles.standard import FLAGS, PLAIN_FIELDS, StandardFold, as_stored
from tools.vectors.calls import Answer, Event

MAX_ARTICLE_PAGE_BYTES = 8192


class StandardOracle:
    """`StandardFold`, asked in the script's own terms."""

    def __init__(self) -> None:
        self.fold = StandardFold()

    def answer(self, visitor: str, stream: str, event: Event) -> Answer:
        """Fold the event; return what the script must answer."""
        offset, record_ms, *_ = event
        result = self.fold.fold(
            flat_of(visitor, event),
            record_ms=int(record_ms),
            stream=stream,
            offset=int(offset) if stream else -1,
        )
        if result is None:
            raise ValueError("the oracle saw no visitor")
        # The flags that never leave as fields are not the oracle's; the contract defines them.
        flags = [name for name in FLAGS if result[name] and name != "time_corrected"]
        if "replayed" not in flags and not event.visit_id:
            flags.append("no_visit")
        if result["time_corrected"]:
            flags.append("time_replaced")
        values = {k: v for k, v in result.items() if k not in FLAGS and v is not None}
        return {"flags": flags, "profile": {name: as_stored(v) for name, v in values.items()}}

    def stored(self, visitor: str) -> dict[str, str]:
        """Return the plain fields that the hash must hold."""
        current = self.fold.latest(visitor)
        return {name: current[name] for name in PLAIN_FIELDS if name in current}

    def current(self, visitor: str) -> list[Answer]:
        """Return what the script must answer to a call without events."""
        return [{"flags": [], "profile": found}] if (found := self.fold.latest(visitor)) else []


class ArticleOracle:
    """`ArticleProgram`, asked in the script's own terms."""

    def __init__(self, hashes: dict[str, dict[str, str]]) -> None:
        self.program = ArticleProgram()
        self.program.hashes |= hashes
        self.marks: dict[tuple[str, str], int] = {}

    def answer(self, visitor: str, stream: str, event: Event) -> Answer:
        """Fold the event; return what the script must answer."""
        before = dict(self.program.hashes.get(visitor, {}))
        if stream:
            # The program knows no watermark: what is at or below it does not reach the program.
            if int(event.offset) <= self.marks.get((visitor, stream), -1):
                return {"flags": ["replayed"], "profile": before}
            self.marks[visitor, stream] = int(event.offset)
        page = str(event.page)
        shown = page.encode()[:MAX_ARTICLE_PAGE_BYTES].decode(errors="ignore")
        persisted = self.program.apply(flat_of(visitor, event._replace(page=shown)))
        flags = []
        # The program cuts nothing; the script does, so that event and profile fit a record.
        if shown != page and event.event_type == "Pageview":
            flags.append("truncated")
        if not before:
            flags.append("new_visitor")
        if not event.visit_id:
            flags.append("no_visit")
        elif before.get("visit_id") != event.visit_id:
            flags.append("new_visit")
        profile = {
            name.removeprefix(PROFILE_PREFIX): value
            for name, value in persisted.items()
            if name.startswith(PROFILE_PREFIX)
        }
        return {"flags": flags, "profile": profile}

    def stored(self, visitor: str) -> dict[str, str]:
        """Return the plain fields that the hash must hold."""
        return dict(self.program.hashes.get(visitor, {}))

    def current(self, visitor: str) -> list[Answer]:
        """Return what the script must answer to a call without events."""
        return [{"flags": [], "profile": found}] if (found := self.stored(visitor)) else []


def flat_of(visitor: str, event: Event) -> dict[str, Any]:
    """The flattened event that a caller makes these arguments of."""
    flat = {
        VISITOR: visitor,
        VISIT: event.visit_id,
        EVENT_ID: event.event_id,
        EVENT_TIME: event.event_ms,
        EVENT_TYPE: event.event_type,
        PAGE: event.page,
    }
    return {name: value for name, value in flat.items() if value != ""}
