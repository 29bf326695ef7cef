"""The fixtures of the integration tests, for those that take long; and what benchmarks need."""

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.kafka_streams_program import StreamsProgram, streams_program
from bench.quix_environment import quix_interpreter
from tests.integration.conftest import deploy, deploy_there, own_broker, settle
from tests.missing import give_up

__all__ = ["deploy", "deploy_there", "own_broker", "settle"]


@pytest.fixture(scope="session")
def quix() -> Path:
    """The Python of an environment that has Quix Streams."""
    try:
        return quix_interpreter()
    except BenchError as error:
        give_up("Quix Streams", [str(error)])


@pytest.fixture(scope="session")
def kafka_streams() -> StreamsProgram:
    """The Kafka Streams program, built."""
    try:
        return streams_program()
    except BenchError as error:
        give_up("Kafka Streams", [str(error)])
