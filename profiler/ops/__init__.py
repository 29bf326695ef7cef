"""What an operator does beside the stream: checks, topics, the switch of modes."""
