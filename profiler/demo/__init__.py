"""`profiler demo`: captured traffic through the whole pipeline, on servers of its own."""

from profiler.demo.run import run_demo

__all__ = ["run_demo"]
