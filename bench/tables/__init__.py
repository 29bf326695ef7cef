"""The tables of the docs, from the reports of the benchmarks."""

from bench.tables.pages import TABLES, filled

__all__ = ["TABLES", "filled"]
