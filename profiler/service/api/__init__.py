"""The read API of `profiler serve`: one operation a handler, and what holds for all of them."""
