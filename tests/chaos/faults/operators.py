"""What people do: topics that change, offsets set by hand, rights withdrawn, bad records."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # no __all__
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourcePatternType,
    ResourceType,
)

from profiler.servers.processes import wait_until
from tests.chaos.traffic import FIRST_MS, Event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.site import Site

_ADMIN_S = 20.0


def add_partitions(site: Site) -> None:
    """The input topic gets more partitions, and some visitors another one."""
    topic = site.topics["processed"]
    more = site.scene.partitions + 3
    with site.load.topic_changes(partitions=more, is_another=False):
        site.admin.create_partitions([NewPartitions(topic, more)])[topic].result(_ADMIN_S)
        site.await_partitions(topic, more)
        site.faults += 1
    site.load.wait_for(800)


def make_topic_anew(site: Site) -> None:
    """The input topic is deleted and made again: its offsets begin anew, and mean other events."""
    topic = site.topics["processed"]
    site.await_commits(300)
    with site.load.topic_changes(partitions=site.scene.partitions, is_another=True):
        site.settle()
        site.evidence.begin_topic_anew()
        site.admin.delete_topics([topic], operation_timeout=_ADMIN_S)[topic].result(_ADMIN_S)
        wait_until(
            lambda: topic not in site.admin.list_topics(timeout=_ADMIN_S).topics, timeout=_ADMIN_S
        )
        site.make_topic(topic, site.scene.partitions)
        site.faults += 1
    site.load.wait_for(800)


def reset_offsets(site: Site) -> None:
    """An operator sets the group back by some hundred records; the profiles know them already."""
    topic = site.topics["processed"]
    site.await_commits(400)
    for worker in site.crew.workers:
        worker.ask_to_stop()
    wait_until(lambda: not any(w.is_running for w in site.crew.workers), timeout=_ADMIN_S)
    committed = site.observer.committed(topic)
    back = {number: max(0, offset - 100) for number, offset in committed.items()}
    places = [TopicPartition(topic, number, offset) for number, offset in back.items()]

    def is_reset() -> bool:
        request = [ConsumerGroupTopicPartitions(site.group, places)]
        try:
            site.admin.alter_consumer_group_offsets(request)[site.group].result(_ADMIN_S)
        except Exception:  # noqa: BLE001 - a member is about to leave; whatever it says, try again
            return False
        return True

    assert wait_until(is_reset, timeout=_ADMIN_S, interval=0.2), "the group is never empty"
    site.evidence.resets += back.items()
    site.faults += 1
    for worker in site.crew.workers:
        worker.start()
    site.await_commits(400)


def withdraw_kafka_rights(site: Site) -> None:
    """The right to write an output topic is withdrawn, then the right to the group."""
    for kind, name, operation in (
        (ResourceType.TOPIC, site.topics["persisted"], AclOperation.WRITE),
        (ResourceType.TOPIC, site.topics["rejected"], AclOperation.WRITE),
        (ResourceType.GROUP, site.group, AclOperation.READ),
    ):
        pattern = (kind, name, ResourcePatternType.LITERAL, "User:ANONYMOUS", "*", operation)
        # Without this the refusal would be the only rule, and refuse everything.
        everything = AclBinding(*pattern[:-1], AclOperation.ALL, AclPermissionType.ALLOW)
        refusal = AclBinding(*pattern, AclPermissionType.DENY)
        for rule in (everything, refusal):
            site.admin.create_acls([rule])[rule].result(_ADMIN_S)
        site.faults += 1
        site.pause(2.0, 3.0)
        gone = AclBindingFilter(
            *pattern[:3], "User:ANONYMOUS", "*", AclOperation.ANY, AclPermissionType.ANY
        )
        site.admin.delete_acls([gone])[gone].result(_ADMIN_S)
        site.await_commits(50)


def oversize_dead_letters(site: Site) -> None:
    """Bad records that are larger than the topic of the dead letters takes."""
    name = site.topics["rejected"]
    # By itself: the older request would take back the topic's retention, and with it old records.
    less = ConfigEntry("max.message.bytes", "20000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=[less])
    site.admin.incremental_alter_configs([resource])[resource].result(_ADMIN_S)
    for _ in site.times(3):
        large = [Event("", b"x" * size, b"large", FIRST_MS) for size in (5_000, 150_000, 700_000)]
        site.load.put(large)
        site.crew.any().kill()
        site.faults += 1
        site.pause(0.3, 1.0)
    site.await_commits(100)


def poison(site: Site) -> None:
    """A storm of bad records stops the worker at its limit; an operator raises the limit."""
    site.await_commits(50)
    site.load.put(bad_records(400))
    site.faults += 1
    site.await_codes(1)
    time.sleep(1.0)
    site.crew.settings["DEAD_LETTERS__MAX_CONSECUTIVE"] = "0"
    site.await_commits(400)


def bad_records(count: int) -> Iterator[Event]:
    """So many records that are no JSON."""
    for number in range(count):
        yield Event("", b"poison %d" % number, b"poison", FIRST_MS + number)
