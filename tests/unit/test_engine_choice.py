"""Which engine runs: the setting `engine`, and what is installed."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from structlog.testing import capture_logs

from profiler import __version__
from profiler.config.settings import EngineChoice, Settings
from profiler.engine import EngineClass, PythonEngine, choose_engine
from profiler.errors import ConfigError
from profiler.servers.ports import LOOPBACK, free_port

ROOT = Path(__file__).parents[2]
MODULE = "visitor_profiler_native"


@pytest.fixture
def without_native(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where it is not installed."""
    monkeypatch.setitem(sys.modules, MODULE, None)


@pytest.fixture
def of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an update of one of the two."""
    other = ModuleType(MODULE)
    other.__version__ = "0.0.1"  # type: ignore[attr-defined] # a stand-in
    monkeypatch.setitem(sys.modules, MODULE, other)


@pytest.mark.usefixtures("without_native")
def test_auto_falls_back_to_python_and_says_so_in_one_line() -> None:
    with capture_logs() as lines:
        assert choose_engine("auto") is PythonEngine
    assert [line["event"] for line in lines] == ["the python engine runs"]
    assert lines[0]["reason"] == "visitor-profiler-native is not installed"


@pytest.mark.usefixtures("without_native")
def test_native_that_is_not_installed_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"^engine: .* is not installed; install visitor-prof"):
        choose_engine("native")


@pytest.mark.usefixtures("of_another_version")
def test_native_of_another_version_is_an_error_that_names_both() -> None:
    with pytest.raises(ConfigError) as told:
        choose_engine("native")
    assert "visitor-profiler-native is 0.0.1" in str(told.value)
    assert f"visitor-profiler is {__version__};" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.usefixtures("of_another_version")
def test_auto_does_not_take_another_version() -> None:
    with capture_logs() as lines:
        assert choose_engine("auto") is PythonEngine
    assert "0.0.1" in lines[0]["reason"]


def test_python_is_chosen_without_a_look() -> None:
    with capture_logs() as lines:
        assert choose_engine("python") is PythonEngine
    assert not lines


def test_both_packages_have_one_version() -> None:
    manifest = tomllib.loads((ROOT / "native" / "Cargo.toml").read_text("utf-8"))
    assert manifest["package"]["version"].replace("-dev", ".dev").replace("-", "") == __version__


def test_the_engine_that_is_chosen_has_the_name_of_the_choice(engine: EngineClass) -> None:
    choices: list[EngineChoice] = ["python", "native"]
    assert engine is choose_engine(choices[engine.name == "native"])
    assert engine("flatten", Settings(), None).name == engine.name


def test_native_is_not_taken_where_orjson_writes_numbers_otherwise(
    engine: EngineClass, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine.name == "native":
        monkeypatch.setattr(f"{MODULE}.encode_float", lambda number: repr(number + 1))
        with pytest.raises(ConfigError, match="orjson writes numbers otherwise"):
            choose_engine("native")
    else:
        assert choose_engine("python") is engine


@pytest.mark.parametrize("command", ["run", "flatten", "profile", "pipe"])
def test_a_command_without_its_engine_exits_78_with_one_line(command: str) -> None:
    """As on a machine where it is not installed."""
    program = (
        f"import sys; sys.modules[{MODULE!r}] = None; sys.argv = ['profiler', {command!r}]\n"
        "from profiler.cli import main\nmain()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PROFILER_ENGINE": "native", "PROFILER_REDIS__URL": "redis://nowhere"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 78, ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert line == (
        "profiler: engine: visitor-profiler-native is not installed; install"
        " visitor-profiler[native] of this version, or set engine to python or auto"
    )


def test_the_start_log_names_the_engine_that_runs(engine: EngineClass) -> None:
    """Before anything is asked of a server, of which there is none."""
    address = f"redis://{LOOPBACK}:{free_port()}"
    ended = subprocess.run(
        [sys.executable, "-m", "profiler", "run"],
        env={**os.environ, "PROFILER_ENGINE": engine.name, "PROFILER_REDIS__URL": address},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
    (start,) = [line for line in lines if line["event"] == "starting"]
    assert start["engine"] == engine.name
