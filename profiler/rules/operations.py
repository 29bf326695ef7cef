"""The operations of rules: one file each in ``lua/operations``, read here once.

A file begins with its front matter, TOML between two lines ``--# +++``, and then has the macros
`empty`, `add`, `merge`, `packed` and `public`, and `arrive` where it knows order arrival. All that
Python must know of an operation stands in the front matter; nothing else names one.
`docs/adding-an-operation.md` says what each part means.
"""

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

#: What a rule's `value` can be: nothing, the event's time, a text or a number of the event; or what
#: its `values` are.
Kind = Literal["none", "event_time", "text", "number", "tuple"]
Order = Literal["event_time", "arrival"]

#: The type of a field in the contract: a decimal is answered as text, a boolean as 1 or 0, a list
#: as an array of texts, counts as one of text, integer, text, integer.
FieldType = Literal["string", "integer", "boolean", "decimal", "list", "counts"]

_FOLDER = files("profiler") / "_lua" / "operations"
_SUFFIX = ".lua.j2"
_FRONT_MATTER = re.compile(r"--# \+\+\+\n(.*?)--# \+\+\+\n", re.DOTALL)


class Operation(BaseModel):
    """The front matter of one operation.

    Attributes:
        name: as rules write it; the file's name. What rules write with a window has ``.window``
            behind it.
        summary: what the field holds, in one line.
        orders: in which it can stand.
        late: whether an event older than all kept visits moves it.
        null: whether the field may be unknown.
        cost: what an event and a visitor pay for it.
        counts: whether the field is a number of events, which `bounce` may name.
        earliest: whether it keeps the earliest event's value: of a visit's times, its start.
        answers: the type of the field. Left out, it is the value's: a text is a string, a number
            has the rule's decimals, all else is an integer.
        functions: the parts in ``lua/parts`` whose functions the macros call; each part stands
            before the parts that use it.
        now: whether the field depends on now, when it is shown.
        which: what a rule's `which` may say; a rule must say it then.
        ages: whether a rule may say by `age` which values are too old to be shown.
        limit: how many values a rule keeps by default, and at most; left out, there is no such
            number.
        unit: of the number that the field holds, for people; left out where the value's own is.
        places: by the kind of value, the names of its places in packed state; an empty name is
            the place that is called like the rule.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    summary: Annotated[str, Field(min_length=1)]
    orders: Annotated[list[Order], Field(min_length=1)]
    late: bool
    null: bool
    cost: Annotated[str, Field(min_length=1)]
    counts: bool = False
    earliest: bool = False
    answers: FieldType | None = None
    functions: list[str] = []
    now: bool = False
    which: list[str] = []
    ages: bool = False
    limit: tuple[int, int] | None = None
    unit: str = ""
    places: Annotated[dict[Kind, list[str]], Field(min_length=1)]

    @property
    def file(self) -> str:
        """The template's name."""
        return f"operations/{self.name}{_SUFFIX}"

    def kind_of(self, value: object, event_time: str) -> Kind | None:
        """What a rule's `value` is to this operation, None where it cannot take that value.

        Args:
            value: of the rule.
            event_time: the word that stands for the event's time.
        """
        if value is None:
            kinds = {"none"}
        elif value == event_time:
            kinds = {"event_time"}
        else:
            kinds = {"text", "number"}
        return next((kind for kind in self.places if kind in kinds), None)


@cache
def operations() -> dict[str, Operation]:
    """All operations by name, sorted.

    Raises:
        ValueError: a file has no front matter, or a wrong one; the message names the file.
    """
    found = {}
    for file in sorted(_FOLDER.iterdir(), key=lambda file: file.name):
        if file.name.endswith(_SUFFIX):
            name = file.name.removesuffix(_SUFFIX)
            found[name] = _parse(name, file.read_text("utf-8"))
    return found


def _parse(name: str, text: str) -> Operation:
    matter = _FRONT_MATTER.match(text)
    if matter is None:
        raise ValueError(f"{name}{_SUFFIX}: begins with no front matter (--# +++)")
    lines = [line.removeprefix("--#").removeprefix(" ") for line in matter[1].splitlines()]
    try:
        return Operation.model_validate({"name": name, **tomllib.loads("\n".join(lines))})
    except ValueError as error:
        raise ValueError(f"{name}{_SUFFIX}: front matter: {error}") from error
