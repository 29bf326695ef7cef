"""`python -m profiler` is the command `profiler`."""

from profiler.cli import main

main()
