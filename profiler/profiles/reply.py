"""The script's replies, turned into outcomes; the only place that knows a reply's form."""

from collections.abc import Callable
from operator import getitem
from typing import Any, NamedTuple

import orjson

from profiler.errors import ScriptContractError
from profiler.records.types import OUTPUT_PREFIX, Rejected
from profiler.rules.contract import METADATA_FLAGS, contract_of
from profiler.rules.model import Rules

_PREFIX = OUTPUT_PREFIX.encode()


class Applied(NamedTuple):
    """The event was folded: the script's flags, and the output's ``profile_*`` part as JSON."""

    flags: frozenset[str]
    encoded: bytes

    @property
    def profile(self) -> dict[str, Any]:
        """The part as an object; decoded at each use."""
        profile: dict[str, Any] = orjson.loads(self.encoded)
        return profile


#: What became of an event; None: it has no visitor id and passes without a profile.
Outcome = Applied | Rejected | None

#: What the script answered, texts as bytes; or why this visitor's stored state cannot be used.
Reply = list[Any] | Rejected


def _text_of(raw: bytes) -> str:
    # Bytes that are no UTF-8 can only come from another language's caller.
    return raw.decode("utf-8", "replace")


_CONVERT: dict[str, Callable[[bytes], Any]] = {
    "string": _text_of,
    "integer": int,
    "boolean": b"1".__eq__,
}

#: Values kept as JSON, of each type, and the longest of them.
_KEPT_VALUES = 4_096
_LONGEST_KEPT = 256


#: Shapes kept, of some 2 kB each. Rules with many optional fields have more: 20 of them may be
#: there or not in a million ways.
_KEPT_SHAPES = 4_096


class _Encoded(dict[bytes, bytes]):
    """The JSON of values by their bytes: in a batch, most are a visitor's or a visit's again."""

    def __init__(self, convert: Callable[[bytes], Any]) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, value: bytes) -> bytes:
        encoded = orjson.dumps(self._convert(value))
        if len(value) <= _LONGEST_KEPT:
            if len(self) == _KEPT_VALUES:
                self.clear()
            # A copy: what orjson returns holds on to 4 kB, however short it is.
            self[value] = b"%b" % encoded
        return encoded


class _Shape(NamedTuple):
    """What all answers with the same flags and names, in one order, have in common."""

    flags: frozenset[str]
    #: The JSON object, with ``%b`` where a value goes.
    template: bytes
    #: For each value, in the answer's order, where its JSON is found.
    encoded: list[_Encoded]


class ReplyDecoder:
    """Decodes the replies of one set of rules."""

    def __init__(self, rules: Rules) -> None:
        contract = contract_of(rules)
        self._fields = {field.name.encode(): field for field in contract.fields}
        self._encoded = {type_: _Encoded(convert) for type_, convert in _CONVERT.items()}
        self._known_flags = frozenset(contract.flags)
        self._shapes: dict[bytes, _Shape] = {}
        self._constants: dict[str, Any] = {}
        if rules.order == "event_time":
            self._constants = dict.fromkeys(field.name for field in contract.fields)
            self._constants["rules_version"] = contract.rules_version

    def decode(self, places: list[int], reply: Reply, outcomes: list[Outcome]) -> None:
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
        # No known name holds a space, so what was found here has these names.
        key = b" ".join([answer[0], b"", *answer[1::2]])
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shape(answer)
            if len(self._shapes) == _KEPT_SHAPES:
                self._shapes.clear()
            self._shapes[key] = shape
        try:
            values = tuple(map(getitem, shape.encoded, answer[2::2]))
        except ValueError as error:
            raise ScriptContractError("the value of an integer field is no integer") from error
        return Applied(shape.flags, shape.template % values)

    def _shape(self, answer: list[bytes]) -> _Shape:
        flags = frozenset(answer[0].decode("ascii", "replace").split())
        if not flags <= self._known_flags:
            raise ScriptContractError(f"unknown flags: {sorted(flags - self._known_flags)}")
        names = answer[1::2]
        if len(answer) % 2 == 0:
            raise ScriptContractError("a name without a value")
        if len(set(names)) < len(names):
            raise ScriptContractError("a name is there twice")
        if unknown := [name for name in names if name not in self._fields]:
            raise ScriptContractError(f"unexpected field: {unknown[0]!r}")
        fields = [self._fields[name] for name in names]
        constants = dict(self._constants)
        if constants:
            constants |= {name: flag in flags for flag, name in METADATA_FLAGS.items()}
            for field in fields:
                del constants[field.name]
        # Neither names nor the rules' version can hold a quote or a percent sign.
        members = [b'"%b%b":%%b' % (_PREFIX, name) for name in names]
        members += [
            b'"%b%b":%b' % (_PREFIX, name.encode(), orjson.dumps(value))
            for name, value in constants.items()
        ]
        return _Shape(
            flags,
            b"{%b}" % b",".join(members),
            [self._encoded[field.type] for field in fields],
        )

    def stored(self, reply: list[Any]) -> dict[str, Any] | None:
        """The fields that a call without events found, without the output's prefix."""
        if not reply:
            return None
        self.decode([0], reply, [None])
        pairs = zip(reply[0][1::2], reply[0][2::2], strict=True)
        fields = [(self._fields[name], value) for name, value in pairs]
        return {field.name: _CONVERT[field.type](value) for field, value in fields}
