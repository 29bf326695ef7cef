"""The script's replies, turned into outcomes; the only place that knows a reply's form."""

import re
from collections.abc import Callable
from operator import getitem
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from profiler.errors import ScriptContractError
from profiler.profiles.turned import TriggerDecoder, Turned
from profiler.records.types import OUTPUT_PREFIX, Rejected
from profiler.rules.contract import METADATA_FLAGS, contract_of
from profiler.rules.model import Rules

if TYPE_CHECKING:
    from profiler.rules.operations import FieldType


class Applied(NamedTuple):
    """The event was folded: the script's flags, and the output's ``profile_*`` part as JSON.

    And what became of triggers. Of an event from before its visitor was forgotten there is no such
    part: it is empty.
    """

    flags: frozenset[str]
    encoded: bytes
    triggers: tuple[Turned, ...] = ()

    @property
    def profile(self) -> dict[str, Any]:
        """The part as an object; decoded at each use."""
        profile: dict[str, Any] = orjson.loads(self.encoded or b"{}")
        return profile


#: What became of an event; None: it has no visitor id and passes without a profile.
Outcome = Applied | Rejected | None

#: What the script answered, texts as bytes; or why this visitor's stored state cannot be used.
Reply = list[Any] | Rejected

#: What Python raises where a part of a reply is missing, or of another type than its field.
_WRONG = (AttributeError, IndexError, KeyError, TypeError, ValueError)
_NO_ANSWER = "an answer is no array of flags and the declared fields' values"
_NO_READ = "the answer to a read is no array of names and values of the declared fields"

#: The flag of an event that brings nobody back, whatever values come with it.
_FORGOTTEN = "forgotten"

#: How a field looks whose value is not known.
_NULL = b"null"

_DECIMAL = re.compile(rb"-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,4})?")

#: Values kept as JSON, of each type, and the longest of them.
_KEPT_VALUES = 4_096
_LONGEST_KEPT = 256


def _string(raw: bytes) -> bytes:
    # Bytes that are no UTF-8 can only come from another language's caller.
    # A copy: what orjson returns holds on to 4 kB, however short it is.
    return b"%b" % orjson.dumps(raw.decode("utf-8", "replace"))


def _integer(number: int) -> bytes:
    if type(number) is not int:
        raise TypeError("no integer")
    return b"%d" % number


def _boolean(number: int) -> bytes:
    return (b"false", b"true")[(0, 1).index(number)]


def _decimal(raw: bytes) -> bytes:
    # As it is written: a double would lose digits.
    if not _DECIMAL.fullmatch(raw):
        raise ValueError("no decimal")
    return raw


def _list(values: list[bytes]) -> bytes:
    if type(values) is not list:
        raise TypeError("no list")
    return b"[%b]" % b",".join(map(_string, values))


def _counts(values: list[Any]) -> bytes:
    if type(values) is not list:
        raise TypeError("no counts")
    counted = zip(values[::2], values[1::2], strict=True)
    return b"{%b}" % b",".join([b"%b:%b" % (_string(t), _integer(n)) for t, n in counted])


class _EncodedArrays:
    """The JSON of arrays, which change with nearly every event: none is kept."""

    def __init__(self, encode: Callable[[Any], bytes]) -> None:
        self._encode = encode

    def __getitem__(self, value: Any) -> bytes:  # noqa: ANN401 - any part of a reply
        return _NULL if value is None else self._encode(value)


class _Encoded(dict[Any, bytes]):
    """The JSON of values as the script answers them: most of a batch are there again and again."""

    def __init__(self, encode: Callable[[Any], bytes]) -> None:
        super().__init__()
        self._encode = encode

    def __missing__(self, value: Any) -> bytes:  # noqa: ANN401 - any part of a reply
        encoded = _NULL if value is None else self._encode(value)
        if len(encoded) <= _LONGEST_KEPT:
            if len(self) == _KEPT_VALUES:
                self.clear()
            self[value] = encoded
        return encoded


class _Shape(NamedTuple):
    """What all answers with the same flags have in common."""

    flags: frozenset[str]
    #: The JSON object, with ``%b`` for each value.
    template: bytes


class ReplyDecoder:
    """Decodes the replies of one set of rules."""

    def __init__(self, rules: Rules) -> None:
        contract = contract_of(rules)
        encoded: dict[FieldType, _Encoded | _EncodedArrays] = {
            "string": _Encoded(_string),
            "integer": _Encoded(_integer),
            "boolean": _Encoded(_boolean),
            "decimal": _Encoded(_decimal),
            "list": _EncodedArrays(_list),
            "counts": _EncodedArrays(_counts),
        }
        self._fields = contract.fields
        self._encoded = [encoded[field.type] for field in self._fields]
        self._encoded_by_name = {field.name: encoded[field.type] for field in self._fields}
        self._triggers = TriggerDecoder(contract) if contract.triggers_told else None
        self._length = 1 + len(self._fields) + (self._triggers is not None)
        # Neither names nor the rules' version can hold a quote or a percent sign.
        self._members = [
            b'"%b%b":' % (OUTPUT_PREFIX.encode(), field.name.encode()) for field in self._fields
        ]
        self._shows_unknown = rules.order == "event_time"
        self._version = contract.rules_version
        self._known_flags = frozenset(contract.flags)
        #: By an answer's flags; the script writes each set of them in one order only.
        self._shapes: dict[bytes, _Shape] = {}

    def decode(self, places: list[int], reply: Reply, outcomes: list[Outcome]) -> None:
        """Put a call's reply into the batch's outcomes at its events' places.

        Raises:
            ScriptContractError: it is no reply to so many events of these rules.
        """
        if isinstance(reply, Rejected):
            for place in places:
                outcomes[place] = reply
            return
        if len(reply) != len(places):
            raise ScriptContractError(f"{len(places)} events brought {len(reply)} answers")
        try:
            for place, answer in zip(places, reply, strict=True):
                outcomes[place] = self._applied(answer)
        except _WRONG as error:
            raise ScriptContractError(_NO_ANSWER) from error

    def _applied(self, answer: list[Any]) -> Applied:
        if len(answer) != self._length:
            message = f"an answer has {len(answer)} parts, and {self._length} were expected"
            raise ScriptContractError(message)
        shape = self._shapes.get(answer[0])
        if shape is None:
            shape = self._shapes[answer[0]] = self._shape(answer[0])
        if not shape.template:
            return Applied(shape.flags, b"")
        # What is told of triggers stands behind the last of the fields.
        values = tuple(map(getitem, self._encoded, answer[1:]))
        if None in answer and not self._shows_unknown:
            members = zip(self._members, values, strict=True)
            known = [b"%b%b" % member for member in members if member[1] != _NULL]
            return Applied(shape.flags, b"{%b}" % b",".join(known))
        told: tuple[Turned, ...] = ()
        if self._triggers and answer[-1] != []:
            told = self._triggers.decode(answer[-1], values)
        return Applied(shape.flags, shape.template % values, told)

    def _shape(self, written: bytes) -> _Shape:
        first, *flags = written.decode("ascii", "replace").split(" ")
        unknown = {first, *flags} - {""} - self._known_flags
        if unknown:
            raise ScriptContractError(f"unknown flags: {sorted(unknown)}")
        if first or len(set(flags)) < len(flags) or "" in flags:
            raise ScriptContractError("flags are not written once each, behind a space each")
        if _FORGOTTEN in flags:
            return _Shape(frozenset(flags), b"")
        members = b",".join([b"%b%%b" % member for member in self._members])
        if not self._shows_unknown:
            return _Shape(frozenset(flags), b"{%b}" % members)
        metadata: dict[str, bool | str] = {
            f"{OUTPUT_PREFIX}{name}": flag in flags
            for flag, name in METADATA_FLAGS.items()
            if flag in self._known_flags
        }
        metadata[f"{OUTPUT_PREFIX}rules_version"] = self._version
        return _Shape(frozenset(flags), b"{%b,%b" % (members, orjson.dumps(metadata)[1:]))

    def all_stored(self, reply: list[Any]) -> list[dict[str, Any]]:
        """The same from arrays of all values, of each visit one; see `render` with `reads_all`.

        Raises:
            ScriptContractError: it is no such reply of these rules.
        """
        names = [field.name.encode() for field in self._fields]
        found = []
        for answer in reply:
            # What stands behind the fields tells of triggers. A read fires none.
            values = zip(names, answer[1 : 1 + len(names)], strict=True)
            pairs = [part for pair in values if pair[1] is not None for part in pair]
            found.append(self.stored(pairs) or {})
        return found

    def stored(self, reply: list[Any]) -> dict[str, Any] | None:
        """The fields that a read found, without the output's prefix; None for an unknown visitor.

        Raises:
            ScriptContractError: it is no reply to a read of these rules.
        """
        profile: dict[str, Any] = {}
        try:
            for raw, value in zip(reply[::2], reply[1::2], strict=True):
                name = raw.decode()
                if value is None or name in profile:
                    raise ScriptContractError(_NO_READ)
                profile[name] = orjson.loads(self._encoded_by_name[name][value])
        except _WRONG as error:
            raise ScriptContractError(_NO_READ) from error
        return profile or None
