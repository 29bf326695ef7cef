"""What is done to workers, Kafka, Redis and the network between; one function is one row's fault.

A fault is called while the load runs and the workers have begun. It returns when it is over, or
leaves the rest to the scene's end, which lets every server run again.
"""
