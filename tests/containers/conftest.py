"""The engine, the stand-ins and the image: each made once, for all tests here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from profiler.servers.processes import ServerStartError
from servers import MissingServerError
from tests.containers.engine import Engine
from tests.containers.stand_ins import import_stand_ins
from tests.missing import give_up, needed_servers
from tests.packaging.commands import ROOT
from tests.packaging.conftest import package_index

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["package_index"]


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine that has the stand-ins."""
    try:
        found = Engine().start()
    except (MissingServerError, ServerStartError) as error:
        give_up("a Docker engine of the tests' own", [str(error)])
    try:
        with needed_servers():
            import_stand_ins(found)
        yield found
    finally:
        found.close()


@pytest.fixture(scope="session")
def image(
    package_index: None,  # noqa: ARG001 - must be there
    engine: Engine,
) -> str:
    """The name of the image, built as docs/deployment.md says."""
    name = "visitor-profiler"
    engine.docker("build", "--network=host", "--tag", name, ROOT, DOCKER_BUILDKIT="1")
    return name
