"""The options of a Redis URL: none but the database, and what other clients' options are here."""

import re
from collections.abc import Iterator, Sequence

#: What is set by a setting of ours, and not in the URL.
_OURS = {
    "password": "redis.password",
    "username": "redis.username",
    "socket_timeout": "redis.socket_timeout_s",
    "socket_connect_timeout": "redis.socket_timeout_s",
    "timeout": "redis.socket_timeout_s",
    "ssl_ca_certs": "redis.ssl_cafile",
    "ssl_ca_data": "redis.ssl_cafile",
    "ssl_ca_path": "redis.ssl_cafile",
    "ssl_certfile": "redis.ssl_certfile",
    "ssl_keyfile": "redis.ssl_keyfile",
    "ssl_password": "redis.ssl_key_password",
    "sentinel_username": "redis.sentinel_username",
    "sentinel_password": "redis.sentinel_password",
}
#: What is always so.
_FIXED = {
    "ssl": "let url begin with rediss://",
    "tls": "let url begin with rediss://",
    "ssl_cert_reqs": "certificates are always verified; redis.ssl_cafile names your CA",
    "ssl_check_hostname": "host names are always verified",
    "ssl_ciphers": "Python's own list holds",
    "ssl_exclude_verify_flags": "certificates are always verified",
    "ssl_include_verify_flags": "certificates are always verified",
    "ssl_min_version": "it is TLS 1.2 or later",
    "ssl_validate_ocsp": "certificates are verified by their CA",
    "ssl_validate_ocsp_stapled": "certificates are verified by their CA",
    "protocol": "it is RESP2",
    "decode_responses": "replies stay bytes",
    "retry_on_timeout": "the worker itself tries again",
    "retry_on_error": "the worker itself tries again",
    "max_connections": "a worker needs a few connections only",
    "health_check_interval": "the worker itself looks for faults",
}
_LEAVE_OUT = "leave it out"

#: An option's name that may be shown. The rest could be a piece of a secret.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,40}")
_OF_SECRETS = re.compile(r"pass|pwd|secret|auth|token", re.IGNORECASE)


def option_problems(names: Sequence[str]) -> Iterator[str]:
    """Say of every option but ``db`` what to do instead; `names` in small letters."""
    unknown = [name for name in names if name != "db"]
    if not unknown:
        return
    is_shown = not any(_OF_SECRETS.search(name) for name in unknown if name not in _OURS)
    is_shown = is_shown and "password" not in unknown and all(map(_NAME.fullmatch, unknown))
    for name in dict.fromkeys(unknown):
        if name in _OURS:
            yield f"url: no option {name} here; set {_OURS[name]} instead"
        elif name in _FIXED:
            yield f"url: no option {name}: {_FIXED[name]}; {_LEAVE_OUT}"
        elif is_shown:
            yield f"url: no such option: {name}; {_LEAVE_OUT}, the only one is db"
        else:
            yield f"url has an option that is none; {_LEAVE_OUT}, the only one is db"
