"""What the article's program does about races, which is nothing: read, decide, write.

It keeps the counts and the entry page of the preset `standard` under the same names. Alone it is
right; next to others it loses what they write between its HGETALL and its HSET.
"""

from collections.abc import Mapping

import redis


def apply(client: redis.Redis, key: str, fields: Mapping[str, str]) -> None:
    """Apply one flattened event to the visitor's hash, by a client that decodes replies."""
    stored = {str(name): str(value) for name, value in client.hgetall(key).items()}

    visit, time = fields["query-other_domain_sessionid"], fields["query-other_dvce_created_tstamp"]
    visits = [name for name in stored.get("visits", "").split(",") if name]
    if visit not in visits:
        visits.append(visit)
    changed = {
        "visitor_id": fields["query-other_domain_userid"],
        "visits": ",".join(visits),
        "visitor_visits": str(len(visits)),
        "visitor_events": str(int(stored.get("visitor_events", "0")) + 1),
    }
    if fields["query-other_eventtype"] == "Pageview":
        views = int(stored.get("visitor_pageviews", "0")) + 1
        changed["visitor_pageviews"] = str(views)
        if "first_time" not in stored or int(time) < int(stored["first_time"]):
            changed["first_time"] = time
            changed["visitor_first_page"] = fields["query-other_page_title"]

    client.hset(key, items=[text for pair in changed.items() for text in pair])
