"""Chaos: the real worker under injected faults, and an oracle that judges what came out.

`python -m tests.chaos --help` says how to run it; `make chaos` and `make soak` do.
"""
