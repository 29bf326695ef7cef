"""A forked command is as one that is started: its words, exit code, environment and signals."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from profiler.servers.processes import wait_until
from tests.integration.commands import run_command
from tests.integration.prefork import Forked
from tests.integration.programs import clean_environment


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["no-such-command"],
        ["config", "show"],
        ["config", "show", "--config", "/absent"],
    ],
)
def test_it_says_what_a_start_says(arguments: list[str]) -> None:
    started = subprocess.run(
        [sys.executable, "-m", "profiler", *arguments],
        env=clean_environment({"PROFILER_RULES": "article"}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    forked = run_command(arguments, rules="article")
    assert forked == (started.returncode, started.stdout, started.stderr)


def test_its_directory_session_and_signals_are_its_own(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with (tmp_path / "errors").open("wb") as errors:
        command = Forked(
            ["pipe"],
            stdin=reader,
            stdout=errors.fileno(),
            stderr=errors.fileno(),
            environment=clean_environment({}),
            directory=tmp_path,
            new_session=True,
        )
    os.close(reader)
    try:
        assert command.poll() is None
        where = Path(f"/proc/{command.pid}/cwd")
        assert wait_until(lambda: where.readlink() == tmp_path, timeout=60)
        assert os.getsid(command.pid) == command.pid
        with pytest.raises(subprocess.TimeoutExpired):
            command.wait(0.01)
        command.kill()
        assert command.wait(10) == command.poll() == -signal.SIGKILL
    finally:
        command.kill()
        os.close(writer)
