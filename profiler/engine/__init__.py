"""The inner loop: what is done with the records of a batch, whichever implementation does it."""
