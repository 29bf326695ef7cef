"""`profiler rejected`: dead letters are looked at, judged anew, and replayed once."""
