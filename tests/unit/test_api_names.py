"""The names of the Python API: all are there and on the page, and loaded when they are used."""

import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import redis

import profiler
from profiler.errors import ConfigError

PAGE = (Path(__file__).parents[2] / "docs" / "python-api.md").read_text("utf-8")

LOADED = """
import sys
import profiler
assert "Profiler" in dir(profiler)
print(*sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names))
"""


@pytest.mark.parametrize("name", profiler.__all__)
def test_a_name_is_what_it_says(name: str) -> None:
    assert getattr(profiler, name).__name__ == name


def test_every_name_is_in_the_table_of_the_page_and_no_other() -> None:
    [table] = re.findall(r"^\| name \|.*?\n\n", PAGE, flags=re.MULTILINE | re.DOTALL)
    named = re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table.split("\n")[2:-2]))
    assert sorted(named) == sorted(profiler.__all__)


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Profilers'"):
        profiler.Profilers  # noqa: B018 - asking is the test


def test_the_package_alone_loads_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOADED], capture_output=True, text=True, check=True
    )
    # An editable installation has a finder of its own.
    loaded = [each for each in done.stdout.split() if not each.startswith(("_", "sitecustomize"))]
    assert loaded == ["profiler"]


def test_a_client_of_another_make_is_refused_in_words() -> None:
    with closing(redis.Redis()) as client:
        script = profiler.ProfileScript(client, profiler.Rules.load("lean"))
        with pytest.raises(ConfigError, match=r"use ProfileScript\.connect"):
            script.register()
