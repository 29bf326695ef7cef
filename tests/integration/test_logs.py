"""How a program logs: JSON lines, or lines to read on a terminal; see also `tests/worker`."""

import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.conftest import MakeStore
from tests.integration.conftest import Deploy
from tests.integration.fault_events import VISITORS, page_views
from tests.integration.pipeline_runs import Deployment
from tests.integration.programs import PATIENCE_S, clean_environment

UNTOLD = "not-for-the-log"


def test_a_program_tells_of_its_start_and_its_end(private_store: MakeStore, deploy: Deploy) -> None:
    server = private_store("redis7", options=["--requirepass", UNTOLD])
    deployment = deploy(server.url.replace("//", f"//:{UNTOLD}@"))
    deployment.produce(page_views(0, 100))
    with deployment.start("run") as run:
        run.wait_for(deployment.is_done)
        run.stop()
        output, lines = run.output, run.lines()
    assert len(lines) == len(output.splitlines())
    names = [line["event"] for line in lines if line["logger"].startswith("profiler")]
    # A busy machine may lose a join.
    names = [name for name in names if not name.startswith("join the group anew")]
    assert names[:4] == ["starting", "streams", "joining", "assigned"]
    # What is under way may be committed behind the first of them.
    ended = [name for name in names if name != "committed"]
    assert ended[-3:] == ["stopping", "stopped", "disconnected"]
    for data in (UNTOLD, *VISITORS, "page 1", "event 1"):
        assert data not in output


def on_terminal(deployment: Deployment, directory: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start `profiler run` with a terminal as its stderr; returns its other side too."""
    ours, theirs = pty.openpty()
    environment = {
        "PROFILER_REDIS__URL": deployment.redis_url,
        "PROFILER_RULES": str(deployment.rules),
        "PROFILER_GROUPS__RUN": deployment.groups["run"],
        "PROFILER_KAFKA__BOOTSTRAP_SERVERS": deployment.bootstrap_servers,
    } | {f"PROFILER_TOPICS__{name}".upper(): topic for name, topic in deployment.topics.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "profiler", "run"],
        cwd=directory,
        env=clean_environment(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    return process, ours


def test_on_a_terminal_lines_are_for_people(
    private_store: MakeStore, deploy: Deploy, tmp_path: Path
) -> None:
    deployment = deploy(private_store("redis7").url)
    process, terminal = on_terminal(deployment, tmp_path)
    seen, is_told = "", False
    try:
        with suppress(OSError):  # how a terminal says that the other side is closed
            while text := os.read(terminal, 4_096).decode():
                seen += text
                if "assigned" in seen and not is_told:
                    is_told = True
                    process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        os.close(terminal)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", seen)
    # A busy machine may lose a join, and joins anew.
    assigned, *_ = [line for line in plain.splitlines() if "assigned" in line]
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z \[info *\] assigned ", assigned)
    assert "partitions=3" in assigned
    assert "[profiler.worker]" in assigned
    for line in plain.splitlines():
        assert not line.startswith("{")
