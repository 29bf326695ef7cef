"""Small tables of a rules file: the store, the limits, what a visit is."""

from typing import Annotated, Literal

from pydantic import Field

from profiler.config.settings import MAX_STREAMS
from profiler.rules.duration import Duration
from profiler.rules.identity import Table
from profiler.rules.key_pattern import KeyPattern
from profiler.rules.midnight import Midnight
from profiler.rules.was import Name


class Store(Table):
    """The key of a visitor and how long it lives after the visitor's latest event.

    `forget_dropped` says that values which these rules do not know are not carried along.
    """

    key: KeyPattern = "visitor:{<id>}"
    ttl_days: Annotated[int, Field(ge=1, le=36_500)] = 395
    forget_dropped: Literal[True] | None = None


class Limits(Table):
    """Hard bounds of one visitor's state; `docs/data-model.md` says what goes first."""

    visits: Annotated[int, Field(ge=1, le=128)] = 8
    event_ids: Annotated[int, Field(ge=1, le=1_024)] = 64
    streams: Annotated[int, Field(ge=1, le=MAX_STREAMS)] = 1_024
    value_bytes: Annotated[int, Field(ge=16, le=1_048_576)] = 4_096
    profile_bytes: Annotated[int, Field(ge=1_024, le=67_108_864)] = 262_144
    skew_minutes: Annotated[int, Field(ge=0, le=1_440)] = 60
    age_days: Annotated[int, Field(ge=1, le=3_650)] = 30


class Visit(Table):
    """What a visit is.

    `bounce` names the visit's count that may be at most one in a bounce; it is left out where a
    computed field is called `visit_bounce`. With `gap`, events that are no further apart are of one
    visit, and nothing else says so; `midnight` ends it, too.
    """

    bounce: Name | None = None
    gap: Duration | None = None
    midnight: Midnight | None = None
