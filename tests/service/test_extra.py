"""Without the extra `serve` the command says what to install, and the rest works."""

from __future__ import annotations

import subprocess
import sys

#: What is not installed is found by no finder.
WITHOUT = """
import sys

def hidden(find):
    def found(name, *rest):
        return None if name.partition(".")[0] in {"starlette", "uvicorn"} else find(name, *rest)
    return found

for finder in sys.meta_path:
    finder.find_spec = hidden(finder.find_spec)
from profiler.cli import main
main()
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_extra_is_named_in_one_line() -> None:
    done = run("serve")
    assert done.returncode == 78
    (line,) = done.stderr.splitlines()
    assert "pip install 'visitor-profiler[serve]'" in line


def test_other_commands_do_without() -> None:
    assert run("--help").returncode == 0
    assert run("lua", "sha").returncode == 0
