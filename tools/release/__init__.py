"""What a release is made of, and what must be true of it; see docs/releasing.md."""
