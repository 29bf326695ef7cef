"""Consumer and producer on kafka-python, by its public API alone."""
