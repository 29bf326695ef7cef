"""Profiles read with asyncio: connections, the servers behind an address, and the reader."""

from profiler.profiles.reading.reader import ProfileReader

__all__ = ["ProfileReader"]
