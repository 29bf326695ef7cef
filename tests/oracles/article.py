"""The article's program, written anew in plain Python, as the oracle of the preset `article`.

It keeps the program's quirks: the order of arrival decides, one visit is stored per visitor,
`visitor_first_page` is set by the visitor's very first event or never, and a visit whose first
event is no page view keeps showing the entry page of the visit before it. Where the program would
crash, section 3 of the design says what happens instead. Names and rules stand here a second time
on purpose: nothing is shared with the code under test.
"""

from __future__ import annotations

from typing import Any

VISITOR = "query-other_domain_userid"
VISIT = "query-other_domain_sessionid"
EVENT_TYPE = "query-other_eventtype"
PAGE = "query-other_page_title"

PROFILE_PREFIX = "profile_"

NOBODY = {"undefined", "null", "nan", "(null)", "00000000-0000-0000-0000-000000000000"}


class BadId(Exception):  # noqa: N818 - the design's name for this fate is `bad_id`
    """A visitor or visit id that is neither a string, an integer nor null: a dead letter."""


def text_of(flat: dict[str, Any], name: str) -> str | None:
    """Return a string as it is and an integer as decimal text; None for all else and for ''."""
    value = flat.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def id_of(flat: dict[str, Any], name: str) -> str | None:
    """Return an id as text, None when it is absent, null, empty, or stands for nobody.

    Raises:
        BadId: the id is of another type than string, integer or null.
    """
    value = flat.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise BadId(name)
    text = text_of(flat, name)
    return None if text is None or is_nobody(text) else text


def is_nobody(text: str) -> bool:
    """Whether an id is one of the words that are written where there is none."""
    return text.lower() in NOBODY or (len(text) >= 8 and set(text) == {"0"})


class ArticleProgram:
    """The article's profiler over a dict of hashes instead of Redis."""

    def __init__(self) -> None:
        self.hashes: dict[str, dict[str, str]] = {}

    def apply(self, flat: dict[str, Any]) -> dict[str, Any]:
        """Apply one flattened event and return the object for `tracking_persisted`."""
        visitor = id_of(flat, VISITOR)
        visit = id_of(flat, VISIT)
        page = text_of(flat, PAGE) if flat.get(EVENT_TYPE) == "Pageview" else None
        persisted = {k: v for k, v in flat.items() if not k.startswith(PROFILE_PREFIX)}
        if visitor is None:
            return persisted

        new_visitor = visitor not in self.hashes
        profile = self.hashes.setdefault(visitor, {"visitor_id": visitor})
        if visit is not None:
            new_visit = profile.get("visit_id") != visit
            profile["visit_id"] = visit
            if page is not None:
                if new_visit:
                    profile["visit_first_page"] = page
                profile["visit_last_page"] = page
        if page is not None:
            if new_visitor:
                profile["visitor_first_page"] = page
            profile["visitor_last_page"] = page

        return persisted | {PROFILE_PREFIX + name: value for name, value in profile.items()}
