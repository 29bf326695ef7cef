"""A broker in trouble in mid-stream, and the worker that must outlive it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from kafka.errors import UnknownBrokerIdError

from servers.kafka import admin_client
from tests.integration.fault_events import page_views, without_event_ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafka import KafkaAdminClient

    from servers.kafka import RestartedKafka
    from tests.integration.conftest import Settle
    from tests.integration.pipeline_runs import Deployment

SESSION_S = 3
SHORT = {
    "KAFKA__SESSION_TIMEOUT_MS": str(SESSION_S * 1_000),
    # So long a broker that was killed may wait for members that are gone.
    "KAFKA__MAX_POLL_INTERVAL_MS": "15000",
    "KAFKA__DELIVERY_TIMEOUT_MS": "2000",
    "BATCH__MAX_RECORDS": "10",
}


def restarted(broker: RestartedKafka) -> None:
    broker.stop()
    broker.start()


def killed(broker: RestartedKafka) -> None:
    broker.kill()
    broker.start()


def suspended(broker: RestartedKafka) -> None:
    """For longer than the group waits for a heartbeat and the worker for an acknowledgement."""
    os.kill(broker.pid, signal.SIGSTOP)
    time.sleep(SESSION_S + 1)
    os.kill(broker.pid, signal.SIGCONT)


def await_outliving(
    fault: Callable[[RestartedKafka], None],
    broker: RestartedKafka,
    deploy: Callable[[KafkaAdminClient], Deployment],
    settle: Settle,
    *,
    library: str,
) -> None:
    """Break the broker while a worker with this client runs: no record and no count is lost."""
    with ExitStack() as stack:
        # Ours leak sockets when they lose their broker, and get over it slowly; so none is open.
        with admin_client(broker.bootstrap_servers) as admin:
            deployment = without_event_ids(deploy(admin))
            deployment.produce(page_views(0, 1_500))
            program = stack.enter_context(deployment.start("run", **SHORT, KAFKA__CLIENT=library))
            program.wait_for(lambda: sum(deployment.committed().values()) >= 50)
            assert not deployment.is_done()
        fault(broker)
        deployment.admin = stack.enter_context(admin_client(broker.bootstrap_servers))
        deployment.produce(page_views(1_500, 500))
        program.wait_for(lambda: is_done(deployment))
        program.stop()
        settle(deployment)


def is_done(deployment: Deployment) -> bool:
    """Whether it is; not while a partition has no leader yet."""
    try:
        return deployment.is_done()
    except UnknownBrokerIdError:
        return False
