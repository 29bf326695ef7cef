"""Quix Streams doing the whole job: the article's logic on its local RocksDB state.

Run by the interpreter of an environment of its own (`bench.quix_environment`), never imported.

Settings, chosen to be fair to it. Where nothing is said, its defaults hold: JSON by orjson, an
idempotent producer with all acknowledgements, at least once, a checkpoint every 5 seconds
(`profiler run` commits every batch), state in a directory on the local disk.

- Without the changelog (``no-changelog``): its default also writes every changed profile to Kafka,
  so that the state outlives the disk. Without that it is faster, and its state is only as safe as
  the disk. With ``changelog`` the default holds.
- One state entry per visitor that holds all six fields: one read and at most one write per event,
  which is faster than an entry per field.
- ``fetch.queue.backoff.ms=5``, as the profiler has it; librdkafka's default lets a consumer that
  has emptied its queue wait for up to a second.
- No metadata, printing or branches: the dataframe is the shortest one that does the job.
"""

import sys
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found] # not in our environment

_, bootstrap_servers, group_id, topic_in, topic_flattened, topic_out, *options = sys.argv
changelog, member = options

SESSION = "query-other_domain_sessionid"
USER = "query-other_domain_userid"
TITLE = "query-other_page_title"
EVENT_TYPE = "query-other_eventtype"


def flatten(event: dict[str, Any]) -> dict[str, Any]:
    """``{section: [{"name": n, "value": v}, …]}`` to ``{"section-n": v}``."""
    return {
        section + "-" + element["name"]: element["value"]
        for section, elements in event.items()
        for element in elements
    }


def add_profile(event: dict[str, Any], state: Any) -> dict[str, Any]:  # noqa: ANN401 - Quix's State
    """The article's six fields; the state belongs to the record's key, which is the visitor."""
    profile = state.get("profile")
    new_visitor = profile is None
    if new_visitor:
        profile = {"visitor_id": event[USER]}
    new_visit = new_visitor or event[SESSION] != profile["visit_id"]
    changed = new_visit
    profile["visit_id"] = event[SESSION]
    if event.get(EVENT_TYPE) == "Pageview":
        title = event[TITLE]
        if new_visitor:
            profile["visitor_first_page"] = title
        if new_visit:
            profile["visit_first_page"] = title
        changed = changed or profile.get("visit_last_page") != title
        profile["visitor_last_page"] = profile["visit_last_page"] = title
    if changed:
        state.set("profile", profile)
    for name, value in profile.items():
        event["profile_" + name] = value
    return event


app = Application(
    broker_address=bootstrap_servers,
    consumer_group=group_id,
    auto_offset_reset="earliest",
    # Its own topics alone; the others are there.
    auto_create_topics=changelog == "changelog",
    use_changelog_topics=changelog == "changelog",
    consumer_extra_config={
        "fetch.queue.backoff.ms": 5,
        **({"group.instance.id": member} if member else {}),
    },
    loglevel="WARNING",
)
app.dataframe(app.topic(topic_in)).apply(flatten).to_topic(app.topic(topic_flattened)).apply(
    add_profile, stateful=True
).to_topic(app.topic(topic_out))
app.run()
