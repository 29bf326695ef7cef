"""What a call must answer: the oracles, asked in the script's own terms."""

from typing import Any, Protocol

from tests.oracles.article import PROFILE_PREFIX, VISIT, VISITOR, ArticleProgram
from tests.oracles.events import EVENT_ID, EVENT_TIME, SENT, SPELLED
from tests.oracles.forget import is_forgotten
from tests.oracles.gap import FLAGS, Gap, GapFold
from tests.oracles.shape import LEAN, Shape
from tests.oracles.standard import StandardFold, field_names
from tools.vectors.calls import Answer, Event, Text

MAX_ARTICLE_PAGE_BYTES = 8192
ARTICLE_FIELDS = (
    *("visitor_id", "visit_id", "visitor_first_page", "visitor_last_page"),
    *("visit_first_page", "visit_last_page"),
)


class Oracle(Protocol):
    """Knows what a script must answer."""

    def answer(self, visitor: str, stream: str, event: Event) -> Answer:
        """Fold the event; return what the script must answer."""
        ...

    def stored(self, visitor: str) -> dict[str, str]:
        """Return the plain fields that the hash must hold."""
        ...

    def current(self, visitor: str, now: str = "") -> Answer:
        """Return what the script must answer to a call that reads."""
        ...

    def names(self) -> list[str]:
        """Return the names of all fields."""
        ...


class FoldOracle:
    """`StandardFold`, or `GapFold` where visits are found by time, in the script's own terms."""

    def __init__(self, shape: Shape, gap: Gap | None = None) -> None:
        self.fold = GapFold(shape, gap) if gap else StandardFold(shape)

    def answer(self, visitor: str, stream: str, event: Event) -> Answer:
        """Fold the event; return what the script must answer."""
        result = self.fold.fold(
            flat_of(visitor, event, self.fold.shape.inputs),
            received=int(event.received) if event.received else None,
            stream=stream,
            offset=int(event.offset) if stream else -1,
        )
        if result is None:
            raise ValueError("the oracle saw no visitor")
        triggers = {"triggers": result.pop("triggers")} if "triggers" in result else {}
        values = {name: value for name, value in result.items() if name not in FLAGS}
        flags = [name for name in FLAGS if result.get(name)]
        return {"flags": flags, "profile": values, **triggers}

    def stored(self, visitor: str) -> dict[str, str]:
        """Return the plain fields that the hash must hold."""
        return self.fold.plain(visitor)

    def current(self, visitor: str, now: str = "") -> Answer:
        """Return what the script must answer to a call that reads."""
        return self.fold.latest(visitor, int(now) if now else None)

    def names(self) -> list[str]:
        """Return the names of all fields."""
        return field_names(self.fold.shape)


class ForgettingOracle:
    """Another oracle, which sees nothing of what is from before a forget.

    `tells` says whether the rules have triggers.
    """

    def __init__(self, oracle: Oracle, till: int, *, tells: bool) -> None:
        self._oracle, self._till = oracle, till
        self._told: Answer = {"triggers": []} if tells else {}
        self.stored, self.current, self.names = oracle.stored, oracle.current, oracle.names

    def answer(self, visitor: str, stream: str, event: Event) -> Answer:
        """Fold the event, or return that its visitor was forgotten."""
        if is_forgotten(str(event.received), str(event.created), self._till):
            return {"flags": ["forgotten"], "profile": {}} | self._told
        return self._oracle.answer(visitor, stream, event)


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
                return {"flags": ["replayed"], "profile": _article(before)}
            self.marks[visitor, stream] = int(event.offset)
        page = str(event.page)
        shown = page.encode()[:MAX_ARTICLE_PAGE_BYTES].decode(errors="ignore")
        flat = flat_of(visitor, event._replace(page=shown), LEAN.inputs)
        persisted = self.program.apply(flat)
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
        return {"flags": flags, "profile": _article(profile)}

    def stored(self, visitor: str) -> dict[str, str]:
        """Return the plain fields that the hash must hold."""
        return dict(self.program.hashes.get(visitor, {}))

    def current(self, visitor: str, now: str = "") -> Answer:  # noqa: ARG002 - it has no such field
        """Return what the script must answer to a call that reads."""
        return self.stored(visitor)

    def names(self) -> list[str]:
        """Return the names of all fields."""
        return list(ARTICLE_FIELDS)


def _article(known: dict[str, str]) -> Answer:
    return {name: known.get(name) for name in ARTICLE_FIELDS}


def flat_of(visitor: str, event: Event, inputs: tuple[str, ...]) -> dict[str, Any]:
    """The flattened event that a caller makes these arguments of."""
    flat: dict[str, Text] = {
        VISITOR: visitor,
        VISIT: event.visit_id,
        EVENT_ID: event.event_id,
        EVENT_TIME: event.created,
        SENT: event.sent,
    }
    if event.received:
        flat[SPELLED] = event.received
    values = (*event.before, event.event_type, event.page, *event.more)
    flat |= dict(zip(inputs, values, strict=True))
    return {name: _text(value) for name, value in flat.items() if value != ""}


def _text(value: Text) -> str:
    """Bytes that are no UTF-8 go through the oracle, and come out, as they are."""
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else value
