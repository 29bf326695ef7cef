"""The topics: are they there, ours to use, and set up so that nothing is lost or gets stuck?"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from profiler.config.settings import Mode, Settings
from profiler.kafka.admin.topics import DEAD_LETTER_HEADER_BYTES, Absent, Topic
from profiler.ops.check.findings import Finding, Subject
from profiler.ops.units import count_of, duration_of


class Use(NamedTuple):
    """What a mode does with a topic.

    Attributes:
        right: READ or WRITE.
        largest: bytes of the largest record that a worker writes there; 0 where it writes none.
        blocks: whether a record that is too large stops the stream; dead letters do not.
    """

    right: str
    largest: int = 0
    blocks: bool = True


def uses_of(mode: Mode, settings: Settings, *, triggers: bool = False) -> dict[str, Use]:
    """What becomes of each topic of the mode; the first is the input.

    `triggers` says whether the rules have any.
    """
    topics = settings.topics
    read = Use("READ")
    write = Use("WRITE", max(settings.kafka.max_request_bytes, settings.output_bytes))
    reject = Use("WRITE", settings.dead_letters.max_bytes, blocks=False)
    told = {topics.triggers: write} if triggers and mode != "flatten" else {}
    return {
        "run": {topics.processed: read, topics.flattened: write, topics.persisted: write},
        "flatten": {topics.processed: read, topics.flattened: write},
        "profile": {topics.flattened: read, topics.persisted: write},
    }[mode] | {**told, topics.rejected: reject}


def check_topics(
    found: Mapping[str, Topic | Absent], uses: Mapping[str, Use], *, brokers: int
) -> Iterator[Finding]:
    """All rows about topics.

    Args:
        found: as the cluster has them.
        uses: what we do with them; the first is the input.
        brokers: how many the cluster has.
    """
    source = found[next(iter(uses))]
    for name, use in uses.items():
        topic = found[name]
        subject = Subject(f"topic {name}")
        if not isinstance(topic, Topic):
            yield _absent(subject, topic, use)
            continue
        yield _there(subject, topic, source, use)
        yield _rights(subject, topic, use)
        yield _copies(subject, topic, use, brokers)
        if not topic.config:
            yield subject.unknown(
                "settings",
                "the broker does not tell clean-up, record size and retention",
                "allow DESCRIBE_CONFIGS on the topic",
            )
            continue
        yield _cleanup(subject, topic, use)
        if use.right == "WRITE":
            yield _size(subject, topic, source, use)
            if isinstance(source, Topic) and source.config:
                yield _timestamps(subject, topic, source)


def _absent(subject: Subject, topic: Absent, use: Use) -> Finding:
    if topic.reason == "missing":
        return subject.failed("exists", "there is no such topic", "profiler topics create")
    if topic.reason != "hidden":
        return subject.failed("exists", topic.reason, "check its name in [topics], and the broker")
    return subject.failed(
        "exists",
        "it may not be seen: missing, or not allowed",
        f"allow {use.right} on the topic; where it is missing: profiler topics create",
    )


def _there(subject: Subject, topic: Topic, source: Topic | Absent, use: Use) -> Finding:
    found = count_of(topic.partitions, "partition")
    if topic.leaderless:
        return subject.failed(
            "exists",
            f"{found}, {topic.leaderless} of them without a leader: they cannot be used",
            "start the brokers that hold them",
        )
    is_output = use.right == "WRITE" and use.blocks
    if is_output and isinstance(source, Topic) and topic.partitions < source.partitions:
        return subject.warning(
            "exists",
            f"{found}, and the input has {source.partitions}: whatever reads this topic can have"
            f" {topic.partitions} workers at most",
            "create topics with as many partitions; adding some later moves visitors to others",
        )
    return subject.ok("exists", found)


def _rights(subject: Subject, topic: Topic, use: Use) -> Finding:
    if topic.rights is None:
        return subject.unknown(
            "rights", "the broker does not say what we may do", f"see that {use.right} is allowed"
        )
    if use.right not in topic.rights:
        return subject.failed(
            "rights",
            f"{use.right} is not allowed",
            f"kafka-acls --add --operation {use.right.title()} --topic … for this user",
        )
    return subject.ok("rights", f"{use.right} is allowed")


def _copies(subject: Subject, topic: Topic, use: Use, brokers: int) -> Finding:
    needed = int(topic.config.get("min.insync.replicas", 1))
    found = f"{count_of(topic.replicas, 'copy', 'copies')}, {topic.in_sync} in sync"
    if topic.config:
        found += f", min.insync.replicas {needed}"
    if use.right == "WRITE" and needed > topic.in_sync:
        return subject.failed(
            "copies",
            f"{found}: it refuses writes",
            "start the brokers that hold the others, or lower min.insync.replicas",
        )
    if topic.replicas == 1:
        return subject.warning(
            "copies",
            f"{found}: lost with its broker",
            "fine on one broker" if brokers == 1 else "raise the replication factor to 3",
        )
    if topic.in_sync < topic.replicas:
        return subject.warning("copies", f"{found}: some lag behind", "look after their brokers")
    if topic.config and needed == 1:
        return subject.warning(
            "copies",
            f"{found}: what one broker alone has acknowledged is lost with it",
            "set min.insync.replicas to 2",
        )
    if needed == topic.replicas:
        return subject.warning(
            "copies",
            f"{found}: no writes while one broker is away",
            "set min.insync.replicas to one less than the copies",
        )
    return subject.ok("copies", found)


def _cleanup(subject: Subject, topic: Topic, use: Use) -> Finding:
    policy = topic.config["cleanup.policy"]
    if "compact" not in policy:
        kept = _retention(topic)
        size = int(topic.config.get("retention.bytes", -1))
        bounded = f", {size:,} bytes per partition at most" if size >= 0 else ""
        return subject.ok("clean-up", f"{policy}, records are kept {duration_of(kept)}{bounded}")
    effect = (
        "all but the latest event of a key are deleted, read or not"
        if use.right == "READ"
        else "all but the latest record of a key are deleted, and records without a key refused"
    )
    return subject.failed(
        "clean-up", f"cleanup.policy {policy}: {effect}", "set cleanup.policy to delete"
    )


def _size(subject: Subject, topic: Topic, source: Topic | Absent, use: Use) -> Finding:
    most, needed = int(topic.config["max.message.bytes"]), use.largest
    if not use.blocks and isinstance(source, Topic) and source.config:
        # Nothing that is larger can come in.
        needed = min(needed, int(source.config["max.message.bytes"]) + DEAD_LETTER_HEADER_BYTES)
    if most >= needed:
        return subject.ok("record size", f"up to {most:,} bytes, {needed:,} are needed")
    found = f"max.message.bytes {most:,}, and records may need {needed:,}"
    remedy = f"set max.message.bytes to {needed}"
    if use.blocks:
        return subject.failed(
            "record size",
            f"{found}: one that is refused stops its partition",
            f"{remedy}, or lower limits.max_record_bytes and kafka.max_request_bytes",
        )
    return subject.warning(
        "record size", f"{found}: of a larger dead letter only a reference is kept", remedy
    )


def _timestamps(subject: Subject, topic: Topic, source: Topic) -> Finding:
    """Outputs copy the input's timestamps, by which brokers delete and refuse."""
    if topic.config["message.timestamp.type"] == "LogAppendTime":
        return subject.ok("timestamps", "the broker's own, LogAppendTime")
    if _ms(topic, "message.timestamp.after.max.ms") < _ms(source, "message.timestamp.after.max.ms"):
        return subject.warning(
            "timestamps",
            "the input takes timestamps too far in the future for this topic: an output with such"
            " a timestamp leaves with the time of writing",
            "give both the same message.timestamp.after.max.ms",
        )
    oldest = min(_retention(source) % 2**63, _ms(source, "message.timestamp.before.max.ms"))
    if _ms(topic, "message.timestamp.before.max.ms") < oldest:
        return subject.warning(
            "timestamps",
            "the input keeps records whose timestamps are too old for this topic: an output with"
            " such a timestamp leaves with the time of writing",
            "raise message.timestamp.before.max.ms",
        )
    if _retention(topic) % 2**63 < _retention(source) % 2**63:
        return subject.warning(
            "timestamps",
            f"copied from the input. The input keeps records {duration_of(_retention(source))}, and"
            f" this topic {duration_of(_retention(topic))}: outputs of a backlog may be deleted"
            " before anybody reads them",
            "set retention.ms no lower than the input's, or message.timestamp.type=LogAppendTime",
        )
    return subject.ok("timestamps", "copied from the input, and kept as long as there")


def _retention(topic: Topic) -> int:
    return int(topic.config["retention.ms"])


def _ms(topic: Topic, name: str) -> int:
    """A limit in ms; brokers before 3.6 know no such limit."""
    return int(topic.config.get(name, 2**63 - 1))
