"""Measurements on real servers, side by side: throughput, cost, growth, latency, scale.

`make bench`, or `python -m bench --help`; the method is in ``docs/performance-method.md``.
"""
