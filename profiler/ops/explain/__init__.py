"""`profiler explain`: what the rules make of a record, and why, on a server of our own."""
