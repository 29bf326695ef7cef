"""Servers as child processes: the embedded store and broker of a laptop."""
