"""What the tests of exactly-once see of a deployment with one partition."""

from profiler.config.settings import Mode
from tests.integration.pipeline_runs import place_of
from tests.worker.deployment import MemoryDeployment

OUTPUTS = ("flattened", "persisted", "rejected")


def offsets(deployment: MemoryDeployment, topic: str) -> list[int]:
    """Of the inputs of a topic's records, in their order."""
    return sorted(place_of(record).offset for record in deployment.read(topic))


def assert_once(deployment: MemoryDeployment, count: int) -> None:
    """Each of so many inputs has its outputs, once; the key of those that are bad says so."""
    inputs = deployment.read("processed")
    good = [record.offset for record in inputs if record.key != b"bad"]
    bad = [record.offset for record in inputs if record.key == b"bad"]
    assert len(inputs) == count
    assert [offsets(deployment, topic) for topic in OUTPUTS] == [good, good, bad]


def written(deployment: MemoryDeployment, topic: str) -> int:
    """How many offsets are taken, by records of open and aborted transactions too."""
    return sum(each.end for each in deployment.broker.topics[deployment.topics[topic]].partitions)


def transactional_ids(deployment: MemoryDeployment, mode: Mode = "run") -> tuple[str, str]:
    """Of the first worker; its transactions have them in turn."""
    first = f"{deployment.groups[mode]}-worker-0"
    return first, f"{first}#2"


def begun(deployment: MemoryDeployment) -> int:
    """How often a producer began with the first worker's first id."""
    coordinator = deployment.broker.coordinator
    assert coordinator is not None
    return coordinator.epoch_of(transactional_ids(deployment)[0]) + 1
