"""Connections to Redis, with the client library's own retries switched off."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from profiler.errors import ConfigError


def connect(url: str, *, timeout_s: float = 5.0) -> "redis.Redis":
    """A client for ``redis://``, ``rediss://`` or ``unix://``; it connects at the first command.

    redis-py would repeat a failed pipeline up to ten times by itself. Here the caller decides
    what is tried again, and looks at the server first.

    Raises:
        ConfigError: the address cannot be read; the message does not repeat it (it may hold a
            password).
    """
    try:
        return redis.Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            decode_responses=False,
            protocol=2,
        )
    except ValueError as error:
        raise ConfigError(
            "redis.url must begin with redis://, rediss:// or unix://, e.g. redis://localhost:6379/0"
        ) from error
