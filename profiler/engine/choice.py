"""The choice of the engine, by the setting `engine`."""

from typing import Protocol

import orjson
import structlog

from profiler import __version__
from profiler.config.settings import EngineChoice, Mode, Settings
from profiler.engine.batch import Engine
from profiler.engine.python import PythonEngine
from profiler.errors import ConfigError
from profiler.profiles.script import ProfileScript

_LOG = structlog.get_logger("profiler.engine")

_REMEDY = "install visitor-profiler[native] of this version, or set engine to python or auto"


class EngineClass(Protocol):
    """Makes an engine."""

    @property
    def name(self) -> str:
        """See `Engine.name`."""
        ...

    def __call__(self, mode: Mode, settings: Settings, script: ProfileScript | None) -> Engine:
        """See `PythonEngine`."""
        ...


def choose_engine(choice: EngineChoice) -> EngineClass:
    """The engine of a choice; `auto` is the native one, and where that is not there Python's.

    Raises:
        ConfigError: the native engine is asked for, and is not installed or of another version.
    """
    if choice == "python":
        return PythonEngine
    missing = _what_is_missing()
    if not missing:
        from profiler.engine.native import NativeEngine  # noqa: PLC0415 - may not be installed

        return NativeEngine
    if choice == "native":
        raise ConfigError(f"engine: {missing}; {_REMEDY}")
    _LOG.info("the python engine runs", reason=missing)
    return PythonEngine


def _what_is_missing() -> str:
    """Why the native engine cannot run; empty where it can."""
    try:
        import visitor_profiler_native  # noqa: PLC0415 - may not be installed
    except ImportError as error:
        if error.name == "visitor_profiler_native":
            return "visitor-profiler-native is not installed"
        return f"visitor-profiler-native cannot be loaded: {error}"
    version = visitor_profiler_native.__version__
    if version != __version__:
        return f"visitor-profiler-native is {version}, and visitor-profiler is {__version__}"
    # Both must write the same bytes, and a release of orjson may write floats otherwise.
    numbers = (1e16, 1e-5, 1.5e-7, -0.0, 123456789.0625, 5e-324)
    if any(visitor_profiler_native.encode_float(n).encode() != orjson.dumps(n) for n in numbers):
        return "the installed orjson writes numbers otherwise than visitor-profiler-native"
    return ""
