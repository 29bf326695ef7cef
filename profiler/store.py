"""Connections to Redis, with the client library's own retries switched off."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from profiler.contract import LAYOUT
from profiler.errors import (
    ConfigError,
    ProfilerError,
    ScriptContractError,
    StoreUnavailableError,
)

#: First words of replies that say "not now": the call may be made again as it is.
_TRY_AGAIN = frozenset(
    [
        "BUSY",
        "CLUSTERDOWN",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "NOREPLICAS",
        "OOM",
        "READONLY",
        "TRYAGAIN",
    ]
)
_NOT_ALLOWED = frozenset(["NOAUTH", "NOPERM", "WRONGPASS"])


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


def translated(error: redis.RedisError) -> ProfilerError:
    """The error of this package that says what to do about one of redis-py's."""
    code = str(error).partition(" ")[0].removeprefix("-")
    if code in _NOT_ALLOWED or isinstance(error, redis.exceptions.AuthenticationError):
        return ConfigError(f"Redis refuses us: {error}; see docs/operations.md for the ACL")
    if code == "ELAYOUT":
        return ScriptContractError(
            f"{error} (layout {LAYOUT} here): a newer profiler is at work, update this one"
        )
    unwell = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.OutOfMemoryError)
    if isinstance(error, (*unwell, redis.exceptions.ReadOnlyError)) or code in _TRY_AGAIN:
        return StoreUnavailableError(str(error))
    if isinstance(error, redis.exceptions.NoScriptError):
        return StoreUnavailableError("the script cache is flushed faster than it can be loaded")
    return ScriptContractError(f"Redis answered: {error}")
