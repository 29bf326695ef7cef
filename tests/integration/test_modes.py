"""The guard of one mode per deployment: what it refuses, and what a switch does to the offsets.

Nothing runs here but a broker and the guard; `test_mode_switch` has the programs.
"""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from profiler.config import KafkaSettings
from profiler.config.settings import Mode, Settings
from profiler.errors import ConfigError
from profiler.kafka.admin.groups import open_groups
from profiler.kafka.admin.tail import last_headers
from profiler.kafka.admin.topics import create_topics
from profiler.kafka.kafka_python.sending import HeaderName
from profiler.ops import mode_switch as modes
from profiler.ops.mode_switch import claim_mode
from profiler.records.types import Headers
from profiler.servers.embedded import EmbeddedBroker
from tests.integration.conftest import Deploy
from tests.integration.pipeline_runs import Deployment, Input

NOWHERE = "redis://127.0.0.1:1/0"
READS = {"run": "processed", "flatten": "processed", "profile": "flattened"}
RUN = {"run": {0: 5, 1: 2}}
BOTH = {"flatten": {0: 5, 1: 2}, "profile": {0: 3, 1: 1}}

State = dict[str, dict[int, int]]


class Broker:
    """What the groups of a deployment have committed."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self.settings = Settings.model_validate(
            {
                "kafka": {"bootstrap_servers": deployment.bootstrap_servers},
                "topics": deployment.topics,
                "groups": deployment.groups,
            }
        )

    def place(self, mode: str) -> tuple[str, str]:
        """The group and the topic of a mode."""
        return self._deployment.groups[mode], self._deployment.topics[READS[mode]]

    def set(self, state: State) -> None:
        """Commit offsets."""
        with open_groups(self.settings.kafka) as groups:
            for mode, offsets in state.items():
                groups.commit(*self.place(mode), offsets)

    def state(self) -> State:
        """What is committed."""
        with open_groups(self.settings.kafka) as groups:
            found = {mode: groups.committed(*self.place(mode)) for mode in READS}
        return {mode: offsets for mode, offsets in found.items() if offsets}


@pytest.fixture
def broker(deploy: Deploy) -> Broker:
    """A deployment with 5 and 3 records put in, of which 3 and 1 are flattened."""
    deployment = deploy(NOWHERE, partitions=2)
    # The client alone cannot read a record with such a header.
    headers = ((HeaderName("\udcff"), b""),)
    for topic, counts in {"processed": (5, 3), "flattened": (3, 1)}.items():
        inputs = [
            Input(b"{}", headers=headers, partition=partition)
            for partition, count in enumerate(counts)
            for _ in range(count)
        ]
        deployment.produce(inputs, topic)
    return Broker(deployment)


@pytest.mark.parametrize("mode", READS)
def test_a_mode_starts_where_none_or_only_itself_has_worked(mode: Mode, broker: Broker) -> None:
    for state in ({}, RUN if mode == "run" else BOTH):
        broker.set(state)
        reader = claim_mode(mode, broker.settings)
        assert (reader.group, reader.topic) == (
            getattr(broker.settings.groups, mode),
            getattr(broker.settings.topics, READS[mode]),
        )
        assert broker.state() == state


@pytest.mark.parametrize(
    ("mode", "other"),
    [
        ("run", "flatten"),
        ("run", "profile"),
        ("flatten", "run"),
        ("profile", "run"),
    ],
)
@pytest.mark.field(
    kind="streams",
    meets="`run` where `flatten` and `profile` have worked, or the other way round",
    happens="refused with exit code 78, because events would count twice; it names the switch",
)
def test_a_mode_does_not_start_where_the_other_has_committed(
    mode: Mode, other: Mode, broker: Broker
) -> None:
    broker.set({other: {0: 1}})
    with pytest.raises(ConfigError) as refusal:
        claim_mode(mode, broker.settings)
    message = str(refusal.value)
    group, topic = getattr(broker.settings.groups, other), broker.settings.topics
    assert f"{mode} does not start" in message
    assert (
        f"group {group} (profiler {other}) has committed offsets in 1 partitions of"
        f" {getattr(topic, READS[other])}; members now: 0"
    ) in message
    assert "counted twice" in message
    assert f"profiler {mode} --switch-mode" in message
    assert '"Switching modes" in docs/operations.md' in message
    assert broker.state() == {other: {0: 1}}


def test_offsets_on_topics_of_another_deployment_do_not_matter(
    broker: Broker, deploy: Deploy
) -> None:
    deployment = deploy(NOWHERE, partitions=1)
    deployment.groups = broker.settings.groups.model_dump()
    Broker(deployment).set({"flatten": {0: 1}})
    claim_mode("run", broker.settings)
    assert broker.state() == {}


# What is there, the mode that takes over, and what must be there then. Each but the first of a
# direction is what a switch leaves that was cut off between two of its steps.
SWITCHES = [
    (RUN, "flatten", BOTH),
    (RUN, "profile", BOTH),
    (RUN | {"profile": {0: 3, 1: 1}}, "flatten", BOTH),
    (RUN | BOTH, "profile", BOTH),
    (BOTH, "run", RUN),
    (BOTH | RUN, "run", RUN),
    (RUN | {"profile": {0: 3, 1: 1}}, "run", RUN),
]


@pytest.mark.parametrize(("state", "mode", "expected"), SWITCHES)
def test_a_switch_carries_the_offsets_over_and_may_be_repeated(
    state: State, mode: Mode, expected: State, broker: Broker
) -> None:
    broker.set(state)
    with pytest.raises(ConfigError, match="--switch-mode"):
        claim_mode(mode, broker.settings)
    for _ in range(2):
        claim_mode(mode, broker.settings, switch=True)
        assert broker.state() == expected
    claim_mode(mode, broker.settings)
    with pytest.raises(ConfigError, match="--switch-mode"):
        claim_mode("profile" if mode == "run" else "run", broker.settings)


def test_a_partition_that_was_never_read_stays_so(broker: Broker) -> None:
    broker.set({"run": {1: 2}})
    claim_mode("flatten", broker.settings, switch=True)
    assert broker.state() == {"flatten": {1: 2}, "profile": {0: 3, 1: 1}}


REFUSED = [
    # `profile` has not finished, or never began.
    (BOTH | {"profile": {0: 2, 1: 1}}, "run", "has not read 1 records of flattened-"),
    ({"flatten": {0: 5, 1: 2}}, "run", "has not read 4 records of flattened-"),
    # Somebody else's flattener.
    ({"profile": {0: 3, 1: 1}}, "run", "not known where run should begin"),
    # Both have worked here.
    (BOTH | {"run": {0: 4, 1: 2}}, "run", "both modes have worked here"),
    (RUN | {"flatten": {0: 4, 1: 2}}, "flatten", "both modes have worked here"),
    (RUN | {"profile": {0: 2, 1: 1}}, "flatten", "both modes have worked here"),
]


@pytest.mark.parametrize(("state", "mode", "reason"), REFUSED)
def test_a_switch_that_would_lose_or_double_is_refused(
    state: State, mode: Mode, reason: str, broker: Broker
) -> None:
    broker.set(state)
    with pytest.raises(ConfigError, match=reason) as refusal:
        claim_mode(mode, broker.settings, switch=True)
    assert '"Switching modes" in docs/operations.md' in str(refusal.value)
    assert broker.state() == state


def test_a_worker_that_switched_meanwhile_is_left_alone(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two take over at once; the quicker one has gone on before the slower one sets offsets."""
    gone_on = BOTH | {"flatten": {0: 5, 1: 3}}

    def let_the_other_go_first(
        settings: KafkaSettings, topic: str, *, count: int
    ) -> Iterator[Headers]:
        monkeypatch.setattr(modes, "last_headers", last_headers)
        claim_mode("profile", broker.settings, switch=True)
        broker.set(gone_on)
        return last_headers(settings, topic, count=count)

    broker.set(RUN)
    monkeypatch.setattr(modes, "last_headers", let_the_other_go_first)
    with capture_logs() as logged:
        claim_mode("flatten", broker.settings, switch=True)
    assert logged[-1] == {
        "event": "switched by another worker",
        "log_level": "info",
        "mode": "flatten",
    }
    assert broker.state() == gone_on


def test_groups_must_differ(broker: Broker) -> None:
    names = dict.fromkeys(("run", "flatten"), "one")
    groups = broker.settings.groups.model_copy(update=names)
    with pytest.raises(ConfigError, match="three different names"):
        claim_mode("run", broker.settings.model_copy(update={"groups": groups}))


def test_a_broker_that_cannot_list_members_is_asked_for_offsets() -> None:
    with EmbeddedBroker() as server:
        settings = Settings.model_validate(
            {"kafka": {"bootstrap_servers": server.bootstrap_servers}}
        )
        create_topics(settings.kafka, settings.topics.all(), partitions=1, replication=1)
        with capture_logs() as logged:
            claim_mode("run", settings)
        (warning,) = logged
        assert warning["event"] == "cannot see who is in a group, checked offsets only"
        with open_groups(settings.kafka) as groups:
            groups.commit(settings.groups.flatten, settings.topics.processed, {0: 1})
        with pytest.raises(ConfigError, match="python_flattener"):
            claim_mode("run", settings)
