"""What the hostile corpus is made of: a record of the tracker, with any JSON text in its fields."""

import json
from typing import Any

VICTIM = "victim"
TIME = 1_700_000_000_000

#: The fields that the rules of `standard` read.
FIELDS = {
    "domain_userid": f'"{VICTIM}"',
    "domain_sessionid": '"visit"',
    "event_id": '"event"',
    "eventtype": '"Pageview"',
    "page_title": '"a hostile page"',
    "dvce_created_tstamp": str(TIME),
}


def event(*more: str, section: str = "query", **literals: str) -> bytes:
    """A record whose fields have these JSON texts as values; `more` are further sections."""
    elements = [
        f'{{"name": "other_{name}", "value": {literal}}}'
        for name, literal in (FIELDS | literals).items()
        if literal
    ]
    sections = [f'"{section}": [{", ".join(elements)}]', *more]
    return f"{{{', '.join(sections)}}}".encode(errors="surrogatepass")


def of(visitor: str, *more: str, **literals: str) -> bytes:
    """A record of a visitor of its own."""
    return event(*more, **{"domain_userid": text(visitor), **literals})


def text(value: str) -> str:
    """A string as JSON."""
    return json.dumps(value, ensure_ascii=False)


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + "0" + closing * levels


def section(name: str, literal: str) -> str:
    return f'"extra": [{{"name": {text(name)}, "value": {literal}}}]'


def good(number: int) -> dict[str, Any]:
    """A good record's value; one of three visitors, the victim among them."""
    fields = {
        "domain_userid": (VICTIM, "good 1", "good 2")[number % 3],
        "domain_sessionid": f"visit {number % 2}",
        "event_id": f"good event {number}",
        "eventtype": "Pageview",
        "page_title": f"page {number}",
        "dvce_created_tstamp": TIME + number,
    }
    return {"query": [{"name": f"other_{name}", "value": v} for name, v in fields.items()]}
