"""Two events of one visitor: ``.venv/bin/python clients/python/example.py``."""

import os
import time

from profiler.records import FlatEvent
from profiler.reply import Applied
from profiler.rules import load_rules
from profiler.script import ProfileScript
from profiler.store import connect

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6399")  # that of make demo
NOW_MS = time.time_ns() // 1_000_000


def view(number: int, page: str) -> FlatEvent:
    """A flattened page view, of no stream."""
    fields = {
        "query-other_domain_userid": "ada",
        "query-other_domain_sessionid": "v1",
        "query-other_event_id": f"e{number}",
        "query-other_eventtype": "Pageview",
        "query-other_page_title": page,
    }
    return FlatEvent(stream="", offset=0, timestamp=NOW_MS + number, fields=fields)


script = ProfileScript(connect(URL), load_rules("standard"))
for outcome in script.apply([view(1, "Home"), view(2, "Prices")]):
    if isinstance(outcome, Applied):  # or Rejected, with code and reason
        profile = outcome.profile
        print(sorted(outcome.flags), profile["profile_visit_pageviews"])
        print(profile["profile_visit_first_page"], "to", profile["profile_visit_last_page"])
