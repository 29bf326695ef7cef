"""All mistakes of a rules file at once.

A model stops at what is wrong in a table, before it looks how the tables fit together. So each
mistake that was found is put right in a copy, by what was probably meant or by leaving the part
out, and the copy is checked again, until nothing more is found.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from profiler.rules.derived.names import is_derived
from profiler.rules.layers import Layered
from profiler.rules.places import (
    Finding,
    Place,
    PlacedError,
    RulesError,
    in_file,
    is_within,
    nearest,
    numbers_in,
)
from profiler.rules.schema import choices_at, keys_at
from profiler.rules.source import DROP, EXTENDS

Model = TypeVar("Model", bound=BaseModel)

#: Enough for a mistake in each part of a large file.
_MOST_ROUNDS = 1_000

_UNKNOWN_KEY, _MISSING, _TOO_SHORT = "extra_forbidden", "missing", "too_short"

#: As messages of the model may end.
_HINT = re.compile(r"did you mean (\S+)\?$")


def validated(model: type[Model], layered: Layered, *, stand_ins: Mapping[str, Any]) -> Model:
    """The model of an effective file.

    Args:
        model: of a whole file.
        layered: the file.
        stand_ins: by key of the file, what stands for a required part that is wrong.

    Raises:
        RulesError: all that is wrong.
    """
    try:
        checked = model.model_validate(layered.data)
    except ValidationError:
        raise RulesError([*layered.findings, *_Repairs(model, layered, stand_ins).run()]) from None
    if layered.findings:
        raise RulesError(layered.findings)
    return checked


class _Repairs:
    """A copy of the file that gets better from round to round."""

    def __init__(
        self, model: type[BaseModel], layered: Layered, stand_ins: Mapping[str, Any]
    ) -> None:
        self._model = model
        self._layered = layered
        self._stand_ins = stand_ins
        self._data = deepcopy(layered.data)
        #: Of each list at the top, the number that an element has in the file.
        self._numbers = {
            key: list(range(len(value)))
            for key, value in self._data.items()
            if isinstance(value, list)
        }
        #: What was taken out or guessed: what is wrong there now, is so by us.
        self._touched: set[Place] = set()
        self._guessed: set[Place] = set()
        #: Names of what was taken out: who uses them is right.
        self._gone: set[str] = set()
        #: The messages of each rule that are told already.
        self._findings: dict[tuple[Place, str], Finding] = {}

    def run(self) -> list[Finding]:
        for _ in range(_MOST_ROUNDS):
            try:
                self._model.model_validate(self._data)
            except ValidationError as error:
                before = deepcopy(self._data)
                self._round(error.errors())
                if self._data == before:
                    break
            else:
                break
        return list(self._findings.values())

    def _round(self, errors: list[ErrorDetails]) -> None:
        placed = [(self._place_of(error), error) for error in errors]
        # Elements that are wrong do not count, and so the list is too short.
        placed = [
            (place, error)
            for place, error in placed
            if error["type"] != _TOO_SHORT or sum(is_within(p, place) for p, _ in placed) == 1
        ]
        # The last elements of a list first, so that the places of earlier elements stay right; and
        # the names of keys before what misses them.
        placed.sort(key=lambda each: each[1]["type"] == _MISSING)
        placed.sort(key=lambda each: numbers_in(each[0]), reverse=True)
        for place, error in placed:
            self._told(place, error)
        for place, error in placed:
            self._repair(place, error)

    def _place_of(self, error: ErrorDetails) -> Place:
        cause = error.get("ctx", {}).get("error")
        own = cause.place if isinstance(cause, PlacedError) else ()
        return (*in_file(error["loc"], self._data), *own)

    def _told(self, place: Place, error: ErrorDetails) -> None:
        original, value = self._original(place), self._value(place)
        cause = error.get("ctx", {}).get("error")
        if self._follows(original, value, getattr(cause, "needs", ())):
            return
        near = self._near(place, error)
        if error["type"] == _UNKNOWN_KEY and near:
            self._guessed.add((*original[:-1], near))
        message = error["msg"].removeprefix("Value error, ")
        self._findings[original, message] = self._layered.finding(
            original,
            message,
            near="" if _HINT.search(message) else near,
            key=error["type"] == _UNKNOWN_KEY or error["loc"][-1:] == ("[key]",),
            value=value,
        )

    def _follows(self, original: Place, value: object, needs: Place) -> bool:
        """Whether it is wrong because of another mistake."""
        return (
            original in self._guessed
            or any(needs and is_within(gone, needs) for gone in self._touched)
            or (isinstance(value, str) and value in self._gone)
            or any(is_within(original, gone) or is_within(gone, original) for gone in self._touched)
            # What is missing in a rule that lost a part.
            or (value is None and any(gone[:2] == original[:2] for gone in self._touched))
        )

    def _near(self, place: Place, error: ErrorDetails) -> str:
        """What was probably meant there."""
        if error["type"] == _UNKNOWN_KEY:
            known = keys_at(self._model, place[:-1])
            return nearest(place[-1], [*known, *(() if place[1:] else (EXTENDS, DROP))])
        cause = error.get("ctx", {}).get("error")
        if isinstance(cause, PlacedError) and cause.known:
            return nearest(self._value(place), [*cause.known, *self._gone])
        if hint := _HINT.search(error["msg"]):
            return hint[1]
        return nearest(self._value(place), choices_at(self._model, place))

    def _repair(self, place: Place, error: ErrorDetails) -> None:
        if error["type"] == _MISSING and self._value(place) is not None:
            return  # it has its right name by now
        holder = self._value(place[:-1])
        near = self._near(place, error)
        if error["type"] == _UNKNOWN_KEY and isinstance(holder, dict) and place[-1] in holder:
            value = holder.pop(place[-1])
            original = self._original(place)
            if near and near not in holder:
                holder[near] = value
                self._guessed.add(original)
            else:
                self._lose(value)
                self._touched.add(original)
            return
        cause = error.get("ctx", {}).get("error")
        guess = near or next(iter(getattr(cause, "known", ())), "")
        may_be_guessed = guess and not is_derived(guess)  # which may need more than its name
        if (
            may_be_guessed
            and isinstance(holder, dict | list)
            and self._value(place) not in (None, guess)
        ):
            changed: Any = holder
            changed[place[-1]] = guess
            self._guessed.add(self._original(place))
            return
        self._take_out(place)

    def _take_out(self, place: Place) -> None:
        """Take out the part, or what is around it where that cannot do without it."""
        if not place:
            return
        original, key = self._original(place), str(place[0])
        held = self._data.get(key)
        if isinstance(held, list) and len(place) > 1 and key in self._numbers:
            self._take_out_of_list(held, place)
        elif isinstance(held, dict) and len(place) > 1 and place[1] in held:
            self._touched.add(original[:2])
            self._gone.add(str(place[1]))
            del held[str(place[1])]
        elif key in self._data:
            self._touched.add((key,))
            self._lose(self._data.pop(key))
        elif key in self._stand_ins:
            self._touched.add((key,))
            self._data[key] = deepcopy(self._stand_ins[key])

    def _take_out_of_list(self, held: list[Any], place: Place) -> None:
        number = int(place[1])
        if number >= len(held):
            return  # taken out in this round
        element, original = held[number], self._original(place)
        part = str(place[2]) if len(place) > 2 else ""  # noqa: PLR2004 - list, number, key
        if isinstance(element, dict) and part in element:
            self._touched.add(original[:3])
            value = element.pop(part)
            if part == "name":
                self._lose([{"name": value}])
                element["name"] = f"{element.get('scope')}_unnamed_{original[1]}"
                if value == element["name"]:  # not even so
                    del element["name"]
            return
        self._touched.add(original[:2])
        self._lose([held.pop(number)])
        del self._numbers[str(place[0])][number]

    def _lose(self, value: object) -> None:
        """Remember the names of tables that are taken out."""
        if isinstance(value, list):
            self._gone.update(str(v.get("name")) for v in value if isinstance(v, dict))
        elif isinstance(value, dict):
            self._gone.update(map(str, value))

    def _original(self, place: Place) -> Place:
        """The place that it has in the file."""
        numbers = self._numbers.get(str(place[0])) if place else None
        if numbers is None or len(place) < 2 or not isinstance(place[1], int):  # noqa: PLR2004
            return place
        number = numbers[place[1]] if place[1] < len(numbers) else place[1]
        return (place[0], number, *place[2:])

    def _value(self, place: Place) -> object:
        found: Any = self._data
        for part in place:
            try:
                found = found[part]
            except (KeyError, IndexError, TypeError):
                return None
        return found
