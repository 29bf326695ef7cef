"""A model of workers, Redis and Kafka, small enough for thousands of runs: see `.runs`.

It has what `profiler.worker` does about exactly-once, and nothing else of it, and is written anew:
a mistake would have to be made twice. `python -m tests.worker.model` prints what each protection is
worth.
"""
