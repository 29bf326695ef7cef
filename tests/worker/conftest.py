"""Fixtures that give a test workers in this process, and topics and keys of its own."""

from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

from profiler.engine import EngineClass
from profiler.kafka.memory import MemoryBroker
from tests.worker.deployment import MemoryDeployment


class Deploy(Protocol):
    """The type of the fixture `deploy`."""

    def __call__(
        self,
        redis_url: str,
        *,
        preset: str = "lean",
        partitions: int = 3,
        broker: MemoryBroker | None = None,
    ) -> MemoryDeployment:
        """Describe a deployment; see `MemoryDeployment`."""


@pytest.fixture
def deploy(key_prefix: str, tmp_path: Path, engine: EngineClass) -> Deploy:
    """Make deployments on each engine; several in one test share their keys."""
    name: Any = engine.name
    return partial(MemoryDeployment, key_prefix=key_prefix, directory=tmp_path, engine=name)
