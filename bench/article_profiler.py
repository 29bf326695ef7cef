"""The article's profiler with its very settings, several round trips to Redis per event.

What differs from the article: addresses, topics and the group come from the command line; nothing
is printed (its program prints twice per record, which would be slower); ``charset="utf-8"`` is
left out, because redis-py no longer takes it and UTF-8 is its default.
"""

import json
import sys

import redis
from kafka import KafkaConsumer, KafkaProducer

_, bootstrap_servers, group_id, topic_in, topic_out, redis_url = sys.argv

USER = "query-other_domain_userid"
SESSION = "query-other_domain_sessionid"
TITLE = "query-other_page_title"

consumer = KafkaConsumer(topic_in, bootstrap_servers=bootstrap_servers, group_id=group_id)
producer = KafkaProducer(
    bootstrap_servers=bootstrap_servers,
    acks=1,
    value_serializer=lambda v: json.dumps(v).encode("utf-8"),
)
r = redis.Redis.from_url(redis_url, decode_responses=True)

for msg in consumer:
    msg_payload = json.loads(msg.value)

    if r.exists(msg_payload[USER]):
        new_visitor = False
        visitor_profile = r.hgetall(msg_payload[USER])
    else:
        new_visitor = True
        new_visit = True

    if new_visitor:
        r.hset(msg_payload[USER], "visitor_id", msg_payload[USER])
        r.hset(msg_payload[USER], "visit_id", msg_payload[SESSION])
    elif msg_payload[SESSION] == visitor_profile["visit_id"]:
        new_visit = False
    else:
        new_visit = True
        r.hset(msg_payload[USER], "visit_id", msg_payload[SESSION])

    if (
        "query-other_eventtype" in msg_payload
        and msg_payload["query-other_eventtype"] == "Pageview"
    ):
        if new_visitor:
            r.hset(msg_payload[USER], "visitor_first_page", msg_payload[TITLE])
            r.hset(msg_payload[USER], "visit_first_page", msg_payload[TITLE])
        elif new_visit:
            r.hset(msg_payload[USER], "visit_first_page", msg_payload[TITLE])
        r.hset(msg_payload[USER], "visitor_last_page", msg_payload[TITLE])
        r.hset(msg_payload[USER], "visit_last_page", msg_payload[TITLE])

    processed_result = msg_payload
    visitor_profile = r.hgetall(msg_payload[USER])

    for key, value in visitor_profile.items():
        processed_result["profile_" + key] = value  # type: ignore[operator] # decoded: str

    producer.send(topic_out, value=processed_result, key=msg.key)
