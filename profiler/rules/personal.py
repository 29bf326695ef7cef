"""The rules file's table `personal`: fields of the event that Redis must not get as they are."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from profiler.rules.derived.table import Derived
from profiler.rules.identity import OwnField
from profiler.rules.places import PlacedError

if TYPE_CHECKING:
    from profiler.rules.model import Rules

#: By field: its keyed hash stands for it, or it is absent.
Personal = Annotated[dict[OwnField, Literal["hash", "drop"]], Field(min_length=1, max_length=64)]


def require_sense(rules: "Rules") -> None:
    """Refuse personal fields that would make other parts of the rules mean nothing.

    Raises:
        PlacedError: one is an id or a time, a number that would be hashed, or derived from.
    """
    identity = rules.identity
    own = {
        *identity.visitor,
        *(identity.visit, identity.event_id),
        *(identity.created, identity.sent, identity.received),
    }
    derived = rules.derived or Derived()
    sources = {field: name for name in rules.derived_inputs for field in derived.fields_of(name)}
    for field, how in (rules.personal or {}).items():
        place = ("personal", field)
        if field in identity.visitor:
            message = "is a visitor's id: the setting privacy.hash_visitor_id hashes it"
            raise PlacedError(place, message)
        if field in own:
            raise PlacedError(place, "is one of [identity]: without it no event has its place")
        if how == "hash" and field in rules.numbers:
            raise PlacedError(place, "is read as a number, which a hash is not: drop it")
        if field in sources:
            raise PlacedError(place, f"{sources[field]} is derived from it, and would show it")
