"""How a running process is seen from outside."""
