"""`profiler rules diff`: old and new rules side by side, as shadows on a server of our own."""
