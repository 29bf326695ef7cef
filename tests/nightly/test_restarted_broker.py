"""A broker that stops or dies in mid-stream, and comes back.

It is the only broker of its cluster. Kafka 4.3 sometimes takes minutes until such a broker's
group or transaction of offsets is free again (docs/reliability.md): too
long for the ordinary tests.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.integration.broker_faults import await_outliving, killed, restarted
from tests.kafka.clients import ADAPTERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers.kafka import RestartedKafka
    from tests.conftest import MakeStore
    from tests.integration.conftest import DeployThere, Settle


@pytest.mark.parametrize("library", ADAPTERS)
@pytest.mark.parametrize("fault", [restarted, killed])
def test_a_broker_that_comes_back_costs_time_and_outputs_twice(
    *,
    library: str,
    fault: Callable[[RestartedKafka], None],
    own_broker: RestartedKafka,
    deploy_there: DeployThere,
    private_store: MakeStore,
    settle: Settle,
) -> None:
    deploy = partial(deploy_there, private_store("valkey9").url)
    await_outliving(fault, own_broker, deploy, settle, library=library)
