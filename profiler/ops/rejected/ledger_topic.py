"""The topic of what was replayed: it must keep every record that it has."""

from profiler.config.settings import Settings
from profiler.errors import ConfigError
from profiler.kafka.admin.client import open_admin
from profiler.kafka.admin.topics import Topic, create_topics, describe_topics

_POLICY = "cleanup.policy"


def make_ledger_topic(settings: Settings) -> None:
    """Create the topic where it is missing: compacted, of one partition. Blocks as `create_topics`.

    Raises:
        ConfigError: it is there, and records in it do not last: what they name would be replayed
            twice.
        TransportError: no broker answers, or it may not be created.
    """
    name = settings.topics.rejected_replays
    create_topics(settings.kafka, [name], partitions=1, configs={_POLICY: "compact"})
    with open_admin(settings.kafka, f"describe {name}") as admin:
        found = describe_topics(admin, [name])[name]
    policy = found.config.get(_POLICY, "compact") if isinstance(found, Topic) else "compact"
    if policy != "compact":
        raise ConfigError(
            f"topic {name} has cleanup.policy {policy}: what was replayed would be forgotten, and"
            " replayed again; set cleanup.policy=compact"
        )
