"""Snowplow's tracker protocol, turned into the records of ``tracking_processed``.

The names are the same as in the sample: the canonical event's, with ``other_`` in front.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from profiler.errors import ProfilerError

_EVENT_TYPES = {
    "pv": "Pageview",
    "pp": "Page ping",
    "se": "Structured Event",
    "ue": "Unstructured Event",
}
_NAMES = {
    "stm": "dvce_sent_tstamp",
    "dtm": "dvce_created_tstamp",
    "url": "page_url",
    "page": "page_title",
    "refr": "page_referrer",
    "eid": "event_id",
    "tv": "v_tracker",
    "tna": "name_tracker",
    "aid": "app_id",
    "p": "platform",
    "cookie": "br_cookies",
    "cs": "doc_charset",
    "lang": "br_lang",
    "res": "dvce_screen",
    "cd": "br_colordepth",
    "tz": "os_timezone",
    "vp": "br_viewport",
    "ds": "doc_size",
    "vid": "domain_sessionidx",
    "sid": "domain_sessionid",
    "duid": "domain_userid",
    "uid": "user_id",
    "pp_mix": "pp_xoffset_min",
    "pp_max": "pp_xoffset_max",
    "pp_miy": "pp_yoffset_min",
    "pp_may": "pp_yoffset_max",
    "se_ca": "se_category",
    "se_ac": "se_action",
    "se_la": "se_label",
    "se_pr": "se_property",
    "se_va": "se_value",
    "co": "contexts",
    "ue_pr": "unstruct_event",
}
#: The same in URL-safe Base64.
_ENCODED = {"cx": "co", "ue_px": "ue_pr"}


class PayloadError(ProfilerError):
    """A payload is not of the tracker protocol."""


class Collected(NamedTuple):
    """One event as a record: the visitor's id, None without one, and the value."""

    key: bytes | None
    value: bytes


def events_of(body: bytes) -> list[dict[str, str]]:
    """The events of a POST to ``tp2``, each with the protocol's short names.

    Raises:
        PayloadError: it is no such body.
    """
    try:
        events = orjson.loads(body)["data"]
        return [{str(name): str(value) for name, value in event.items()} for event in events]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise PayloadError("not a payload_data object of the tracker protocol") from error


def record_of(
    event: Mapping[str, str], *, received_ms: int, user_agent: str, number: int
) -> Collected:
    """One event as the article's pipeline has it.

    Args:
        event: short names and texts.
        received_ms: when the collector got it.
        user_agent: the header of its request.
        number: how many events the collector got before.

    Raises:
        PayloadError: a part that should be Base64 is none.
    """
    arrival = {"topic": "tracking_raw", "partition": 0, "offset": number, "timestamp": received_ms}
    query = {f"other_{name}": value for name, value in _named(event)}
    sections: dict[str, dict[str, Any]] = {
        "kafka_raw": arrival,
        "headers": {"user-agent": user_agent},
        "query": query,
    }
    key = event.get("duid")
    return Collected(key.encode() if key else None, orjson.dumps(_listed(sections)))


def _named(event: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for short, given in event.items():
        if short == "e":
            yield "eventtype", _EVENT_TYPES.get(given, given)
        elif short in _ENCODED:
            yield _NAMES[_ENCODED[short]], _decoded(short, given)
        else:
            yield _NAMES.get(short, short), given


def _decoded(name: str, given: str) -> str:
    try:
        return base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise PayloadError(f"{name} is not Base64 of UTF-8") from error


def _listed(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {
        section: [{"name": name, "value": value} for name, value in fields.items()]
        for section, fields in sections.items()
    }
