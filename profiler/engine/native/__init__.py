"""The inner loop in Rust: what is ordinary; whatever it declines goes the Python way."""

from profiler.engine.native.batch import NativeEngine

__all__ = ["NativeEngine"]
