"""Connections to Redis, with the client library's own retries switched off."""

import ssl
from typing import Any, NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from profiler.config.connections import RedisSettings
from profiler.config.redis_url import RedisUrl, parse_redis_url
from profiler.config.tls import tls_context
from profiler.errors import ConfigError
from profiler.profiles.redis.hello import Greeting
from profiler.profiles.redis.places import Hosts, PlacedConnection, PlacedSSLConnection
from profiler.profiles.redis.sentinels import Sentinels

#: hiredis moves all that it has read and not parsed whenever it has parsed a kilobyte. With
#: redis-py's 64 kB these moves were a quarter of the instructions of an exchange.
_READ_BYTES = 16_384


def greeting_of(client: "redis.Redis") -> Greeting:
    """The hook of a client of `connect`, shared by the connections to all nodes of a cluster.

    Raises:
        ConfigError: the client was made in another way.
    """
    hook = client.connection_pool.connection_kwargs.get("redis_connect_func")
    if not isinstance(hook, Greeting):
        raise ConfigError(
            "this client of Redis was not made by the profiler:"
            " use ProfileScript.connect(url, rules), which makes its own"
        )
    return hook


class Target(NamedTuple):
    """How connections are made, whichever of redis-py's clients makes them.

    Attributes:
        is_tls: whether they have TLS.
        options: redis-py's, for each connection; a path among them is a Unix socket's.
        places: where they lead to; None for a Unix socket.
    """

    is_tls: bool
    options: dict[str, Any]
    places: Hosts | Sentinels | None


def target_of(settings: RedisSettings) -> Target:
    """How to reach the Redis that is configured.

    Raises:
        ConfigError: a file of the TLS settings cannot be read.
    """
    url = settings.address
    key_password = settings.ssl_key_password
    files: dict[str, object] = {}
    if url.is_tls or (url.service and settings.sentinels_have_tls):
        tls_context("redis", settings)  # only to refuse wrong files now; redis-py makes its own
        files = {
            "ssl_ca_certs": settings.ssl_cafile and str(settings.ssl_cafile),
            "ssl_certfile": settings.ssl_certfile and str(settings.ssl_certfile),
            "ssl_keyfile": settings.ssl_keyfile and str(settings.ssl_keyfile),
            "ssl_password": key_password and key_password.get_secret_value(),
        }
    options: dict[str, Any] = dict(files) if url.is_tls else {}
    if settings.username is not None:
        options["username"] = settings.username
    if settings.password is not None:
        options["password"] = settings.password.get_secret_value()
    sentinels = None
    if url.service:
        secret = settings.sentinel_password
        login = {
            "username": settings.sentinel_username,
            "password": secret and secret.get_secret_value(),
        }
        is_tls = settings.sentinels_have_tls
        general = _general(settings.socket_timeout_s, is_tls=is_tls)
        of_sentinels = _without_retries() | general | login | (files if is_tls else {})
        sentinels = Sentinels(url.addresses, url.service, of_sentinels, is_tls=is_tls)
    return _target(url, settings.socket_timeout_s, options, sentinels)


def connect_to(settings: RedisSettings) -> "redis.Redis":
    """A client of the Redis that is configured; it connects at the first command.

    Raises:
        ConfigError: a file of the TLS settings cannot be read.
    """
    return _client(target_of(settings))


def connect(url: str, *, timeout_s: float = 5.0, **options: Any) -> "redis.Redis":  # noqa: ANN401 - redis-py's
    """A client for ``redis://``, ``rediss://`` or ``unix://``; it connects at the first command.

    redis-py would repeat a failed pipeline up to ten times by itself. Here the caller decides
    what is tried again, and looks at the server first.

    Args:
        url: the address, of a cluster also several; what it says wins over `options`.
        timeout_s: to connect, and to wait for one answer.
        options: further ones of redis-py, e.g. a password.

    Raises:
        ConfigError: the address cannot be read, or names sentinels (see `connect_to`); the
            message repeats nothing secret.
    """
    try:
        parsed = parse_redis_url(url)
    except ValueError as error:
        raise ConfigError(f"redis.{error}") from None
    if parsed.service:
        raise ConfigError("redis.url: sentinels have settings of their own")
    return _client(_target(parsed, timeout_s, options, None))


def _target(
    url: RedisUrl, timeout_s: float, options: dict[str, Any], sentinels: Sentinels | None
) -> Target:
    said: dict[str, Any] = {"db": url.database}
    if url.username:
        said["username"] = url.username
    if url.password:
        said["password"] = url.password
    if url.path:
        said["path"] = url.path
    places = None if url.path else sentinels or Hosts(url.addresses)
    return Target(url.is_tls, _general(timeout_s, is_tls=url.is_tls) | options | said, places)


def _client(target: Target) -> "redis.Redis":
    kind: type[redis.UnixDomainSocketConnection | redis.Connection]
    options = dict(target.options)
    if target.places is None:
        kind = redis.UnixDomainSocketConnection
    else:
        kind = PlacedSSLConnection if target.is_tls else PlacedConnection
        options["places"] = target.places
    hook = Greeting(needs_primary=isinstance(target.places, Sentinels))
    pool = redis.ConnectionPool(kind, redis_connect_func=hook, **(_without_retries() | options))
    return redis.Redis.from_pool(pool)


def _without_retries() -> dict[str, Any]:
    return {"retry": Retry(NoBackoff(), 0)}


def _general(timeout_s: float, *, is_tls: bool) -> dict[str, Any]:
    """Options of redis-py for every connection."""
    return {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "decode_responses": False,
        "socket_read_size": _READ_BYTES,
        "protocol": 2,
        # It would name itself (CLIENT SETINFO), which the least user may not, and be logged.
        "driver_info": None,
    } | ({"ssl_min_version": ssl.TLSVersion.TLSv1_2} if is_tls else {})
