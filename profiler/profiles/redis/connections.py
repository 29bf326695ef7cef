"""Connections to Redis, with the client library's own retries switched off."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from profiler.config.connections import RedisSettings, one_url_per_host
from profiler.config.tls import tls_context
from profiler.errors import (
    ConfigError,
    ProfilerError,
    ScriptContractError,
    StoreUnavailableError,
)
from profiler.profiles.redis.any_host import spread_over
from profiler.rules.contract import LAYOUT

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

#: What OpenSSL says, and where to look.
_TLS_REMEDIES = {
    "CERTIFICATE_VERIFY_FAILED": "check redis.ssl_cafile, and the host name in redis.url",
    "CERTIFICATE_REQUIRED": "the server demands a client certificate: redis.ssl_certfile",
}
#: A proxy, or a server that joined a cluster since we connected.
_HIDDEN_CLUSTER = "a cluster, which HELLO did not say; name one of its nodes in redis.url, restart"

#: A server that demands a certificate hangs up, at times before we read why; so does one that ends.
_HANGS_UP = " (does the server demand a client certificate, redis.ssl_certfile?)"


class Connections:
    """Counts the connections that a client opens, as the hook that redis-py calls at each one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.opened = 0

    def __call__(self, connection: "redis.Connection") -> None:
        """Log in and choose the database, as without the hook; then count."""
        connection.on_connect()  # type: ignore[no-untyped-call]
        with self._lock:
            self.opened += 1


def opened_by(client: "redis.Redis") -> int:
    """How many connections a client of `connect` has opened, to all nodes of a cluster together."""
    hook: Connections = client.connection_pool.connection_kwargs["redis_connect_func"]
    return hook.opened


def connect_to(settings: RedisSettings) -> "redis.Redis":
    """A client of the Redis that is configured; it connects at the first command.

    Raises:
        ConfigError: the address, or a file of the TLS settings, cannot be read.
    """
    options: dict[str, object] = {}
    if settings.username is not None:
        options["username"] = settings.username
    if settings.password is not None:
        options["password"] = settings.password.get_secret_value()
    url = settings.url.get_secret_value()
    if url.startswith("rediss:"):
        tls_context("redis", settings)  # only to refuse wrong files now; redis-py makes its own
        key_password = settings.ssl_key_password
        options |= {
            "ssl_ca_certs": settings.ssl_cafile and str(settings.ssl_cafile),
            "ssl_certfile": settings.ssl_certfile and str(settings.ssl_certfile),
            "ssl_keyfile": settings.ssl_keyfile and str(settings.ssl_keyfile),
            "ssl_password": key_password and key_password.get_secret_value(),
            "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        }
    return connect(url, timeout_s=settings.socket_timeout_s, **options)


def connect(url: str, *, timeout_s: float = 5.0, **options: object) -> "redis.Redis":
    """A client for ``redis://``, ``rediss://`` or ``unix://``; it connects at the first command.

    redis-py would repeat a failed pipeline up to ten times by itself. Here the caller decides
    what is tried again, and looks at the server first.

    Args:
        url: the address, of a cluster also several; what it says wins over `options`.
        timeout_s: to connect, and to wait for one answer.
        options: further ones of redis-py, e.g. a password.

    Raises:
        ConfigError: the address cannot be read; the message does not repeat it (it may hold a
            password).
    """
    try:
        first, *others = one_url_per_host(url)
        client = redis.Redis.from_url(
            first,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            decode_responses=False,
            protocol=2,
            # It would name itself (CLIENT SETINFO), which the least user may not, and be logged.
            driver_info=None,
            redis_connect_func=Connections(),
            **options,
        )
        if others:
            places = [parse_url(other) for other in others]  # type: ignore[no-untyped-call]
            spread_over(client.connection_pool, places)
    except ValueError as error:
        raise ConfigError(
            "redis.url must begin with redis://, rediss:// or unix://, e.g. redis://localhost:6379/0"
        ) from error
    return client


@contextmanager
def translating() -> Iterator[None]:
    """Raise the errors of this package in place of redis-py's."""
    try:
        yield
    except redis.RedisError as error:
        raise translated(error) from error


def translated(error: redis.RedisError) -> ProfilerError:
    """The error of this package that says what to do about one of redis-py's."""
    text = str(error)
    code = text.partition(" ")[0].removeprefix("-")
    if wrong := _what_is_misconfigured(error, text, code):
        return ConfigError(wrong)
    if code == "ELAYOUT":
        return ScriptContractError(
            f"{error} (layout {LAYOUT} here): a newer profiler is at work, update this one", code
        )
    # An operator's SCRIPT KILL; Redis allows it before the script's first write only.
    if code in _TRY_AGAIN or isinstance(error, _UNWELL) or "Script killed by user" in text:
        hint = _HANGS_UP if "EOF occurred in violation of protocol" in text else ""
        return StoreUnavailableError(text + hint)
    if isinstance(error, redis.exceptions.NoScriptError):
        return StoreUnavailableError("the script cache is flushed faster than it can be loaded")
    return ScriptContractError(f"Redis answered: {error}", code)


def _what_is_misconfigured(error: redis.RedisError, text: str, code: str) -> str:
    """What no waiting would mend, and the remedy; else nothing."""
    for sign, remedy in _TLS_REMEDIES.items():
        if sign in text:
            return f"Redis: {text}; {remedy}"
    if code in _NOT_ALLOWED or isinstance(error, _DENIED) or text.startswith(_DENIALS):
        return f"Redis refuses us: {text}; see docs/operations.md for the ACL"
    if isinstance(error, redis.exceptions.AskError):  # and MovedError; a cluster's are followed
        return f"Redis answered MOVED or ASK {text}: {_HIDDEN_CLUSTER}"
    if text.startswith("SELECT is not allowed in cluster mode"):
        return f"Redis: {text}; let redis.url end with /0"
    return ""
