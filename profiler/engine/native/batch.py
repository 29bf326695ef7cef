"""The engine that is there where visitor-profiler-native is installed."""

from profiler.engine.python import PythonEngine


class NativeEngine(PythonEngine):
    """An `Engine`; so far it declines everything."""

    name = "native"
