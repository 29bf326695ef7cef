"""What a record is, and what can be done with one without knowing a visitor."""
