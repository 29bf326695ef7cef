"""What a rule was before, where it goes on with the state of that one."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from profiler.rules.identity import Table
from profiler.rules.value import Value

#: Of rules and predicates.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Was(Table):
    """What a rule was before: it goes on with the state of that rule.

    What is left out was the same; `when` is empty where the rule had none.
    """

    name: Name | None = None
    value: Value | None = None
    when: Name | Literal[""] | None = None
    limit: Annotated[int, Field(ge=1)] | None = None

    @property
    def changed(self) -> dict[str, Any]:
        """The keys of the rule that were others, with their values."""
        changed = {name: value for name, value in self if value is not None}
        return changed | {"when": None} if self.when == "" else changed


WasOrName = Annotated[
    Was,
    BeforeValidator(
        lambda value: {"name": value} if isinstance(value, str) else value,
        json_schema_input_type=Name | Was,
    ),
]
