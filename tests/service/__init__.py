"""`profiler serve`, as its callers meet it: a process, real servers, and HTTP."""
