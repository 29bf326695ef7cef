"""What an error of Redis means: wait, stop, or look for the server anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from profiler.errors import (
    ConfigError,
    ProfilerError,
    ScriptContractError,
    StoreUnavailableError,
)
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
#: What they are counted as; a class before its base classes.
_KINDS = {
    redis.TimeoutError: "timeout",
    redis.exceptions.BusyLoadingError: "loading",
    redis.exceptions.MasterDownError: "masterdown",
    redis.exceptions.ClusterDownError: "clusterdown",
    redis.exceptions.OutOfMemoryError: "oom",
    redis.exceptions.ReadOnlyError: "readonly",
    redis.exceptions.TryAgainError: "tryagain",
    redis.ConnectionError: "connection",
}
_DENIED = (redis.exceptions.AuthenticationError, redis.exceptions.NoPermissionError)

#: Answers of a server that cannot do its work, and for which another one may do it by now.
_REPLACED = (redis.exceptions.MasterDownError, redis.exceptions.ReadOnlyError)
_REPLACED_CODES = ("MISCONF", "NOREPLICAS")

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
    "WRONG_VERSION_NUMBER": "what answers there has no TLS; check redis.url: its port, and rediss",
    "HTTP_REQUEST": "what answers there has no TLS; check redis.url: its port, and rediss",
}
#: A proxy, or a server that joined a cluster since we connected.
_HIDDEN_CLUSTER = "a cluster, which HELLO did not say; name one of its nodes in redis.url, restart"

#: A server that demands a certificate hangs up, at times before we read why; so does one that ends.
_HANGS_UP = " (does the server demand a client certificate, redis.ssl_certfile?)"


def is_replaced(reply: object) -> bool:
    """Whether a reply says that another server may be the primary by now.

    The connection that it came by is of no use then: the name that it was opened by may lead
    elsewhere. (While a server loads its data, redis-py drops the connection by itself.)
    """
    return isinstance(reply, _REPLACED) or (
        isinstance(reply, redis.ResponseError) and str(reply).startswith(_REPLACED_CODES)
    )


@contextmanager
def translating() -> Iterator[None]:
    """Raise the errors of this package in place of redis-py's."""
    try:
        yield
    except redis.RedisError as error:
        raise translated(error) from error


def checked(reply: Any) -> Any:  # noqa: ANN401 - whatever the server says
    """The reply, unless it is an error: that is raised as one of this package's."""
    if isinstance(reply, redis.RedisError):
        raise translated(reply) from reply
    return reply


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
        return StoreUnavailableError(text + hint, _kind_of(error, code))
    if isinstance(error, redis.exceptions.NoScriptError):
        flushed = "the script cache is flushed faster than it can be loaded"
        return StoreUnavailableError(flushed, "noscript")
    return ScriptContractError(f"Redis answered: {error}", code)


def _kind_of(error: redis.RedisError, code: str) -> str:
    """One of few words, whatever the text says."""
    if code in _TRY_AGAIN:
        return code.lower()
    return next((kind for known, kind in _KINDS.items() if isinstance(error, known)), "unwell")


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
    if text.startswith("DB index is out of range"):
        return f"Redis: {text}; let redis.url end with a database that it has (its databases)"
    return ""
