"""The article's flattener with its very settings; see `bench.article_profiler` for the changes."""

import json
import sys

from kafka import KafkaConsumer, KafkaProducer

_, bootstrap_servers, group_id, topic_in, topic_out = sys.argv

consumer = KafkaConsumer(topic_in, bootstrap_servers=bootstrap_servers, group_id=group_id)
producer = KafkaProducer(
    bootstrap_servers=bootstrap_servers,
    acks=1,
    value_serializer=lambda v: json.dumps(v).encode("utf-8"),
)

for msg in consumer:
    msg_payload = json.loads(msg.value)
    processed_result = {}

    for key, value in msg_payload.items():
        for element in value:
            processed_result[key + "-" + element["name"]] = element["value"]

    producer.send(topic_out, value=processed_result, key=msg.key)
