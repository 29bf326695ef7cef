"""Which engine runs: the setting `engine`, and what is installed."""

import sys
from types import ModuleType

import pytest
from structlog.testing import capture_logs

from profiler import __version__
from profiler.engine import PythonEngine, choose_engine
from profiler.errors import ConfigError

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
