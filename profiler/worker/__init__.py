"""The stream: poll, decode, apply, produce, commit."""
