"""Kafka: is it there, are the topics, and may the group read?"""

from collections.abc import Iterator
from typing import Any

from profiler.config.settings import Mode, Settings
from profiler.errors import ConfigError, ProfilerError, TransportError
from profiler.kafka.admin.client import open_admin
from profiler.kafka.admin.groups import Groups, GroupsUnsupportedError
from profiler.kafka.admin.topics import Topic, describe_topics
from profiler.kafka.reach import check_names, troubles_of
from profiler.ops.check.findings import CONFIGURATION, Finding, Subject
from profiler.ops.check.topics import check_topics, uses_of
from profiler.ops.check.transactions import check_transactions
from profiler.ops.mode_switch import claim_mode
from profiler.ops.units import count_of
from profiler.rules.model import load_rules
from profiler.worker.streams import check_partitions

_KAFKA = Subject("kafka")
#: For each of the servers to take a connection.
_LOOK_S = 2.0


def check_kafka(mode: Mode, settings: Settings, *, timeout_s: float) -> Iterator[Finding]:
    """All rows about Kafka; each question waits for the timeout at most."""
    is_reached = False
    try:
        check_names(settings.kafka)
    except ConfigError as error:
        yield CONFIGURATION.failed("kafka", str(error), "correct kafka.bootstrap_servers")
        return
    try:
        with open_admin(settings.kafka, "connect", timeout_s=timeout_s) as admin:
            cluster = admin.describe_cluster()
            yield _reached(admin, cluster)
            is_reached = True
            yield from _unreached(settings, timeout_s)
            yield from _work(admin, mode, settings, len(cluster["brokers"]), timeout_s)
    except ConfigError as error:
        yield _KAFKA.failed(
            "reachable", str(error), "check security_protocol, sasl_… and ssl_… of [kafka]"
        )
    except TransportError as error:
        if is_reached:
            yield _KAFKA.failed("connection", str(error), "try again; look into the broker's log")
            return
        yield _KAFKA.failed(
            "reachable",
            f"{settings.kafka.bootstrap_servers}: {error}",
            "start the brokers, and check kafka.bootstrap_servers and kafka.security_protocol",
        )


def _reached(admin: Any, cluster: dict[str, Any]) -> Finding:  # noqa: ANN401 - the client is untyped
    brokers = cluster["brokers"]
    version = admin.get_broker_version_data(brokers[0]["broker_id"]).broker_version
    return _KAFKA.ok(
        "reachable",
        f"cluster {cluster.get('cluster_id')}, {count_of(len(brokers), 'broker')},"
        f" with the requests of Kafka {'.'.join(map(str, version))}",
    )


def _unreached(settings: Settings, timeout_s: float) -> Iterator[Finding]:
    """Servers that a client would ask in vain, beside one that answers."""
    troubles = troubles_of(settings.kafka.servers, timeout_s=min(timeout_s, _LOOK_S))
    if troubles:
        found = "; ".join(trouble.text for trouble in troubles.values())
        yield _KAFKA.warning("servers", found, "start them, or correct kafka.bootstrap_servers")


def _work(
    admin: Any,  # noqa: ANN401 - the client is untyped
    mode: Mode,
    settings: Settings,
    brokers: int,
    timeout_s: float,
) -> Iterator[Finding]:
    uses = uses_of(mode, settings, triggers=_has_triggers(settings))
    found = describe_topics(admin, uses)
    yield from check_topics(found, uses, brokers=brokers)
    source = next(iter(uses))
    if isinstance(input_topic := found[source], Topic):
        if mode != "flatten":
            yield from _streams(source, input_topic.partitions, settings)
        group = getattr(settings.groups, mode)
        yield from _group(Groups(admin, timeout_s=timeout_s), group, source)
        if settings.delivery == "exactly-once":
            yield check_transactions(settings.kafka, group, timeout_s=timeout_s)
        yield _mode(mode, settings)


def _has_triggers(settings: Settings) -> bool:
    try:
        return bool(load_rules(settings.rules).triggers)
    except ConfigError:
        return False  # the rules have a row of their own


def _streams(source: str, partitions: int, settings: Settings) -> Iterator[Finding]:
    subject = Subject(f"topic {source}")
    try:
        rules = load_rules(settings.rules)
    except ConfigError:
        return  # they have a row of their own
    try:
        check_partitions(source, partitions, settings, rules)
    except ConfigError as error:
        yield subject.failed("streams", str(error), 'see "Streams" in docs/operations.md')
        return
    yield subject.ok("streams", "no more partitions than limits.streams")


def _group(groups: Groups, name: str, source: str) -> Iterator[Finding]:
    subject = Subject(f"group {name}")
    try:
        if not groups.may_read(name):
            yield subject.failed(
                "rights",
                "READ is not allowed",
                f"kafka-acls --add --operation Read --group {name} for this user",
            )
            return
        yield subject.ok("rights", "READ is allowed")
        committed = groups.committed(name, source)
        lag = groups.lag(name, source) if committed else 0
        members = groups.members(name, source)
    except GroupsUnsupportedError as error:
        yield subject.unknown("progress", str(error), "none: the broker cannot tell")
        return
    except ProfilerError as error:
        yield subject.failed("progress", str(error), f"allow DESCRIBE and READ on group {name}")
        return
    state = f"{lag:,} offsets behind" if committed else "nothing committed yet"
    yield subject.ok("progress", f"{count_of(members, 'member')}, {state}")


def _mode(mode: Mode, settings: Settings) -> Finding:
    try:
        claim_mode(mode, settings)
    except ConfigError as error:
        return _KAFKA.failed("mode", str(error), 'see "Switching modes" in docs/operations.md')
    except TransportError as error:
        return _KAFKA.unknown("mode", str(error), "try again")
    return _KAFKA.ok("mode", f"nothing but profiler {mode} has worked on these topics")
