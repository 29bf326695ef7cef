"""What an answer tells of triggers, turned into records; the only place that knows its form."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from profiler.errors import ScriptContractError
from profiler.records.types import OUTPUT_PREFIX
from profiler.rules.contract import ID_FIELDS, TRIGGER_ARGS, Contract

_STATES = {b"fired": "fired", b"retracted": "retracted"}
_ID = re.compile(rb"[0-9a-f]{40}")
_TIME = re.compile(rb"[0-9]{0,15}")
_WRONG = "an answer's last part does not tell of the declared triggers"


class Turned(NamedTuple):
    """An event fired a trigger, or undid it.

    Attributes:
        name: the trigger's.
        state: ``fired`` or ``retracted``.
        encoded: the record that leaves, a flat JSON object.
    """

    name: str
    state: str
    encoded: bytes


class TriggerDecoder:
    """Decodes what the answers of one set of rules tell of triggers.

    Args:
        contract: of the rules.
    """

    def __init__(self, contract: Contract) -> None:
        places = {field.name: place for place, field in enumerate(contract.fields)}
        self._version = contract.rules_version
        self._ids = [(f'"{name}"'.encode(), places[name]) for name in ID_FIELDS]
        self._scopes = {each.name.encode(): each.scope for each in contract.triggers_told}
        self._shown = {
            each.name.encode(): [
                (f'"{OUTPUT_PREFIX}{field}"'.encode(), places[field]) for field in each.fields
            ]
            for each in contract.triggers_told
        }

    def decode(self, told: Sequence[Any], values: Sequence[bytes]) -> tuple[Turned, ...]:
        """What an event brought about.

        Args:
            told: as the script answers it.
            values: all fields of the answer, as JSON.

        Raises:
            ScriptContractError: it is not of this form.
        """
        size = len(TRIGGER_ARGS)
        if type(told) is not list or len(told) % size or not all(type(w) is bytes for w in told):
            raise ScriptContractError(_WRONG)
        return tuple(
            self._turned(*told[at : at + size], values=values) for at in range(0, len(told), size)
        )

    def _turned(
        self, name: bytes, id_: bytes, state: bytes, time: bytes, *, values: Sequence[bytes]
    ) -> Turned:
        if (
            name not in self._scopes
            or state not in _STATES
            or not _ID.fullmatch(id_)
            or not _TIME.fullmatch(time)
        ):
            raise ScriptContractError(_WRONG)
        said = {
            "id": id_.decode(),
            "trigger": name.decode(),
            "scope": self._scopes[name],
            "state": _STATES[state],
            "time": int(time) if time else None,
            "rules_version": self._version,
        }
        named = [*self._ids, *self._shown[name]]
        shown = [b"%b:%b" % (field, values[place]) for field, place in named]
        encoded = b"%b,%b}" % (orjson.dumps(said)[:-1], b",".join(shown))
        return Turned(name.decode(), _STATES[state], encoded)
