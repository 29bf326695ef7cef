"""The source `docker` of `servers`: other tests run on servers that testcontainers starts."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from servers.sources import FORCED
from tests.packaging.commands import ROOT

if TYPE_CHECKING:
    from tests.containers.engine import Engine

# Each kind of server is asked for by a fixture here, and serves real work.
TESTS = ("tests/integration/test_worker.py", "tests/integration/test_get.py")


def test_tests_run_on_servers_from_containers(engine: Engine) -> None:
    # Its reaper is an image of its own, for which there is no stand-in: our engine removes all.
    ours = {FORCED: "docker", "TESTCONTAINERS_RYUK_DISABLED": "true", "CI": "true"}
    pytest = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *TESTS)

    done = subprocess.run(
        pytest,
        cwd=ROOT,
        env={**os.environ, **engine.variables(), **ours},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "real Kafka: " in done.stdout
    assert done.stdout.count("(docker)") == 3, done.stdout
    left = engine.docker("ps", "--all", "--quiet", "--filter=label=org.testcontainers")
    assert left == ""
