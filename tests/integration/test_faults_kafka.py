"""Kafka in trouble in mid-stream: outputs may come twice, and no record or count is lost."""

from collections.abc import Callable
from functools import partial

import pytest

from servers.kafka import RestartedKafka
from tests.conftest import MakeStore
from tests.integration.broker_faults import await_outliving, suspended
from tests.integration.conftest import Deploy, DeployThere, Settle
from tests.integration.fault_events import (
    UNWELL_KAFKA,
    VISITORS,
    bad_records,
    page_views,
    without_event_ids,
)
from tests.integration.pipeline_runs import Deployment, place_of
from tests.kafka.clients import ADAPTERS


@pytest.mark.parametrize("library", ADAPTERS)
def test_a_suspended_broker_costs_time_and_outputs_twice(
    library: str,
    own_broker: RestartedKafka,
    deploy_there: DeployThere,
    private_store: MakeStore,
    settle: Settle,
) -> None:
    """A broker that is stopped or killed has its test among the nightly ones."""
    deploy = partial(deploy_there, private_store("valkey9").url)
    await_outliving(suspended, own_broker, deploy, settle, library=library)


def shrink(deployment: Deployment, topic: str) -> Callable[[], None]:
    """Let no record fit the topic."""
    name = deployment.topics[topic]
    deployment.configure(name, {"max.message.bytes": "100"})
    return lambda: deployment.configure(name, {"max.message.bytes": "1048588"})


def delete(deployment: Deployment, topic: str) -> Callable[[], None]:
    name = deployment.topics[topic]
    deployment.admin.delete_topics([name])

    def make_anew() -> None:
        options = {"num_partitions": deployment.partitions, "replication_factor": 1}
        deployment.admin.create_topics({name: options}, wait_for_metadata=True)

    return make_anew


@pytest.mark.parametrize(
    ("cause", "topic"),
    [(shrink, "flattened"), (shrink, "persisted"), (shrink, "rejected"), (delete, "persisted")],
)
def test_nothing_is_committed_before_every_output_is_acknowledged(
    cause: Callable[[Deployment, str], Callable[[], None]],
    topic: str,
    private_store: MakeStore,
    deploy: Deploy,
    settle: Settle,
) -> None:
    deployment = without_event_ids(deploy(private_store("valkey9").url, partitions=1))
    hasty = {"DELIVERY": "at-least-once", "KAFKA__DELIVERY_TIMEOUT_MS": "2000"}
    with deployment.start("run", **hasty) as program:
        deployment.produce([*page_views(0, 40), *bad_records(2)])
        program.wait_for(deployment.is_done)
        before = len(set(map(place_of, deployment.read("persisted"))))
        assert before == 40

        remove_cause = cause(deployment, topic)
        # The bad ones first, so that no batch is without one that comes before them all.
        deployment.produce([*bad_records(2), *page_views(40, 60)])
        program.wait_for_event(UNWELL_KAFKA, times=2)
        assert deployment.committed() == {0: 42}
        # Redis has them already: only the watermark keeps what follows from counting again.
        events = len(range(0, 100, len(VISITORS)))
        assert deployment.stored(VISITORS[0])["visitor_events"] == str(events)

        remove_cause()
        program.wait_for(deployment.is_done)
        assert program.stop()["replayed"] >= 60
    found = settle(deployment, gone=before if cause is delete else 0)
    # What went to the other topics went there at every attempt.
    assert found.flattened + found.persisted + found.rejected > 0
