"""`profiler audit`: sampled visitors are folded anew from the topic, and compared with Redis."""
