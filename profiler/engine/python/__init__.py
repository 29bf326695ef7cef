"""The inner loop in Python: always there, and the only one that knows codes and reasons."""

from profiler.engine.python.batch import PythonEngine

__all__ = ["PythonEngine"]
