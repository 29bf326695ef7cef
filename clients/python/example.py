import os
import time

from profiler import Applied, FlatEvent, ProfileScript


def view(event_id: str, page: str) -> FlatEvent:
    fields = {
        "query-other_domain_userid": "ada",
        "query-other_domain_sessionid": "v1",
        "query-other_event_id": event_id,
        "query-other_eventtype": "Pageview",
        "query-other_page_title": page,
    }
    return FlatEvent(stream="", offset=0, timestamp=time.time_ns() // 1_000_000, fields=fields)


url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6399")  # any node of a cluster
script = ProfileScript.connect(url, "standard")  # or "my.toml"

for outcome in script.apply([view("e1", "Home"), view("e2", "Prices")]):
    if isinstance(outcome, Applied):  # or Rejected, or None for an event without a visitor
        profile = outcome.profile
        flags = " ".join(outcome.flags) or "no flag"
        print(flags, profile["profile_visit_pageviews"], profile["profile_visit_bounce"])
        print(profile["profile_visit_first_page"], "to", profile["profile_visit_last_page"])
