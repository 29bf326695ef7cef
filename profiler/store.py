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

#: The same by redis-py's classes: where it has one, it takes the first word off the text.
_UNWELL = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.ClusterDownError,  # and MasterDownError
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.TryAgainError,
)
_DENIED = (redis.exceptions.AuthenticationError, redis.exceptions.NoPermissionError)

#: The same where the server has no code of its own for it: inside a script (Redis, Valkey), and
#: for a large first command.
_DENIALS = (
    "The user executing the script can't run this command",
    "ACL failure in script",
    "Protocol error: unauthenticated",
)


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
    text = str(error)
    code = text.partition(" ")[0].removeprefix("-")
    if code in _NOT_ALLOWED or isinstance(error, _DENIED) or text.startswith(_DENIALS):
        return ConfigError(f"Redis refuses us: {error}; see docs/operations.md for the ACL")
    if code == "ELAYOUT":
        return ScriptContractError(
            f"{error} (layout {LAYOUT} here): a newer profiler is at work, update this one"
        )
    if code in _TRY_AGAIN or isinstance(error, _UNWELL):
        return StoreUnavailableError(str(error))
    if isinstance(error, redis.exceptions.NoScriptError):
        return StoreUnavailableError("the script cache is flushed faster than it can be loaded")
    return ScriptContractError(f"Redis answered: {error}")
