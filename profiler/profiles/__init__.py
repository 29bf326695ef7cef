"""One visitor's profile: the registered script, its arguments and its replies."""
