"""`profiler check`: is everything there that a worker needs, and is it set up to keep data?"""
