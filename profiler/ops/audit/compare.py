"""Two profiles of one visitor, field by field; and when a difference says nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from profiler.rules.contract import ID_FIELDS, PublicField

_, _VISIT_ID = ID_FIELDS

#: It depends on the order of arrival by nature, see docs/data-model.md.
_OF_ARRIVAL = "visit_number"

#: Stand in the place of a field's name where the whole profile differs.
MISSING, UNREADABLE = "(profile)", "(state)"

Profile = Mapping[str, Any]


class Difference(NamedTuple):
    """One field that differs.

    Attributes:
        field: its name; `MISSING` or `UNREADABLE` for all of them.
        visit: of a visit's field, the visit's id.
        stored: what Redis has.
        refolded: what the topic says.
    """

    field: str
    visit: str | None
    stored: Any
    refolded: Any


def differences(
    stored: Sequence[Profile], refolded: Sequence[Profile], fields: Sequence[PublicField]
) -> Iterator[Difference]:
    """Compare two profiles.

    Args:
        stored: what Redis has, as each kept visit leaves it; empty where there is nothing.
        refolded: likewise what the topic says.
        fields: of the profile.
    """
    if not stored or not refolded:
        if stored or refolded:
            yield Difference(MISSING, None, _presence(stored), _presence(refolded))
        return
    for field in fields:
        if field.scope == "visitor":
            ours, theirs = stored[0].get(field.name), refolded[0].get(field.name)
            if ours != theirs:
                yield Difference(field.name, None, ours, theirs)
    here = {str(profile.get(_VISIT_ID)): profile for profile in stored}
    there = {str(profile.get(_VISIT_ID)): profile for profile in refolded}
    for visit in sorted(here.keys() | there.keys()):
        if visit not in here or visit not in there:
            names = [visit if visit in known else None for known in (here, there)]
            yield Difference(_VISIT_ID, visit, *names)
            continue
        for field in fields:
            ours, theirs = here[visit].get(field.name), there[visit].get(field.name)
            if field.scope == "visit" and ours != theirs:
                yield Difference(field.name, visit, ours, theirs)


def without_arrival(found: Sequence[Difference]) -> list[Difference]:
    """The differences that are none of the order in which events arrived."""
    return [each for each in found if each.field != _OF_ARRIVAL]


def _presence(profiles: Sequence[Profile]) -> str:
    return "there" if profiles else "missing"
