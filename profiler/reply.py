"""The script's replies, turned into outcomes; the only place that knows a reply's form."""

from typing import TYPE_CHECKING, Any, NamedTuple

from profiler.contract import METADATA_FLAGS, contract_of
from profiler.errors import ScriptContractError
from profiler.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Callable

#: Names of the output that only the profiler may give.
OUTPUT_PREFIX = "profile_"


class Applied(NamedTuple):
    """The event was folded: the script's flags, and the output's `profile_*` part."""

    flags: frozenset[str]
    profile: dict[str, Any]


class Rejected(NamedTuple):
    """The event is a dead letter."""

    code: str
    reason: str


#: What became of an event; None: it has no visitor id and passes without a profile.
Outcome = Applied | Rejected | None


def _text_of(raw: bytes) -> str:
    # Bytes that are no UTF-8 can only come from another language's caller.
    return raw.decode("utf-8", "replace")


class ReplyDecoder:
    """Decodes the replies of one set of rules."""

    def __init__(self, rules: Rules) -> None:
        contract = contract_of(rules)
        convert: dict[str, Callable[[bytes], Any]] = {
            "string": _text_of,
            "integer": int,
            "boolean": b"1".__eq__,
        }
        self._fields = {
            field.name.encode(): (OUTPUT_PREFIX + field.name, convert[field.type])
            for field in contract.fields
        }
        self._flags: dict[bytes, frozenset[str]] = {}
        self._known_flags = frozenset(contract.flags)
        self._template: dict[str, Any] = {}
        self._metadata: tuple[str, ...] = ()
        if rules.order == "event_time":
            self._metadata = METADATA_FLAGS
            self._template = {name: None for name, _ in self._fields.values()}
            self._template |= {OUTPUT_PREFIX + flag: False for flag in METADATA_FLAGS}
            self._template[OUTPUT_PREFIX + "rules_version"] = contract.rules_version

    def decode(
        self, places: list[int], reply: list[Any] | Rejected, outcomes: list[Outcome]
    ) -> None:
        """Put a call's reply into the batch's outcomes at its events' places."""
        if isinstance(reply, Rejected):
            for place in places:
                outcomes[place] = reply
            return
        if len(reply) != len(places):
            raise ScriptContractError(f"{len(places)} events brought {len(reply)} answers")
        try:
            for place, answer in zip(places, reply, strict=True):
                outcomes[place] = self._applied(answer)
        except (AttributeError, IndexError, TypeError) as error:
            raise ScriptContractError("an answer is no array of strings") from error

    def _applied(self, answer: list[bytes]) -> Applied:
        flags = self._flags.get(answer[0])
        if flags is None:
            flags = frozenset(answer[0].decode("ascii", "replace").split())
            if not flags <= self._known_flags:
                raise ScriptContractError(f"unknown flags: {sorted(flags - self._known_flags)}")
            self._flags[answer[0]] = flags
        profile = self._template.copy()
        if len(answer) % 2 == 0:
            raise ScriptContractError("a name without a value")
        try:
            for at in range(1, len(answer), 2):
                public, convert = self._fields[answer[at]]
                profile[public] = convert(answer[at + 1])
        except (KeyError, ValueError) as error:
            raise ScriptContractError(f"unexpected field or value: {answer[at]!r}") from error
        for flag in self._metadata:
            if flag in flags:
                profile[OUTPUT_PREFIX + flag] = True
        return Applied(flags, profile)

    def stored(self, reply: list[Any]) -> dict[str, Any] | None:
        """The fields that a call without events found, without the output's prefix."""
        if not reply:
            return None
        outcomes: list[Outcome] = [None]
        self.decode([0], reply, outcomes)
        (answer,) = reply
        names = [self._fields[name][0] for name in answer[1::2]]
        profile = outcomes[0].profile if isinstance(outcomes[0], Applied) else {}
        return {name.removeprefix(OUTPUT_PREFIX): profile[name] for name in names}
