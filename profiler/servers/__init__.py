"""Servers as child processes: what `profiler demo` and `profiler pipe` start on a laptop."""
