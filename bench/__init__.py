"""Side-by-side throughput: the article's two programs, `profiler run`, and the script alone.

`make bench`, or `python -m bench --help`; the method is in ``docs/performance.md``.
"""
