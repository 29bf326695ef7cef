"""The address of Redis: what each form means, and what is refused, without a piece of a secret."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.config.addresses import Address
from profiler.config.redis_url import RedisUrl, parse_redis_url, password_in
from servers import passwords

PLAIN = RedisUrl(
    is_tls=False,
    addresses=(Address("h", 6379),),
    path="",
    service="",
    database=0,
    username="",
    password="",
)
NO_SOCKET = "a Unix socket's URL is unix:///path"
ENCODE = "percent-encode its password"


@pytest.mark.parametrize(
    ("url", "changes"),
    [
        ("redis://h", {}),
        ("redis://h/", {}),
        ("redis://h:6379/0", {}),
        ("redis://h?db=0", {}),
        ("REDIS://h/3", {"database": 3}),
        ("redis://h?DB=3", {"database": 3}),
        ("rediss://h:1", {"is_tls": True, "addresses": (Address("h", 1),)}),
        ("redis://h:65535", {"addresses": (Address("h", 65_535),)}),
        ("redis://[::1]:7/0", {"addresses": (Address("::1", 7),)}),
        ("redis://[::1]", {"addresses": (Address("::1", 6379),)}),
        ("redis://[fe80::1%25eth0]:7", {"addresses": (Address("fe80::1%eth0", 7),)}),
        ("redis://a:1,b/0", {"addresses": (Address("a", 1), Address("b", 6379))}),
        ("redis://[::1]:1,h", {"addresses": (Address("::1", 1), Address("h", 6379))}),
        ("redis://me@h", {"username": "me"}),
        ("redis://me:@h", {"username": "me"}),
        ("redis://@h", {}),
        ("redis://:@h", {}),
        ("redis://:p%2F%40%23%3F%25@h", {"password": "p/@#?%"}),
        ("redis://me:a:b,c[d@h", {"username": "me", "password": "a:b,c[d"}),
        ("redis://m%C3%BC@h", {"username": "mü"}),
        ("unix:///run/r.sock", {"addresses": (), "path": "/run/r.sock"}),
        ("unix:///run/r@1.sock?db=2", {"addresses": (), "path": "/run/r@1.sock", "database": 2}),
        (
            "unix://me:word@/run/a%20b",
            {"addresses": (), "path": "/run/a b", "username": "me", "password": "word"},
        ),
        (
            "redis+sentinel://me:word@a,b:7/shop/2",
            {
                "addresses": (Address("a", 26_379), Address("b", 7)),
                "service": "shop",
                "database": 2,
                "username": "me",
                "password": "word",
            },
        ),
        (
            "rediss+sentinel://h/shop?db=1",
            {
                "is_tls": True,
                "addresses": (Address("h", 26_379),),
                "service": "shop",
                "database": 1,
            },
        ),
    ],
)
def test_a_url_says(url: str, changes: dict[str, Any]) -> None:
    assert parse_redis_url(url) == PLAIN._replace(**changes)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "url must begin with redis://"),
        ("localhost:6379", "url must begin with redis://"),
        ("http://h", "url must begin with redis://"),
        ("redis-sentinel://h/s", "redis+sentinel://"),
        (" redis://h", "space or a line end"),
        ("redis://h/0\n", "space or a line end"),
        ("redis://", "names no host"),
        ("redis:///0", "names no host"),
        ("redis://:6379", "names no host"),
        ("redis://me@", "names no host"),
        ("redis://a,,b", "a comma with no host"),
        ("redis://a,", "a comma with no host"),
        ("rediss://h:http", "a port is a number from 1 to 65,535"),
        ("redis://h:", "a port is a number"),
        ("redis://h:0", "a port is a number"),
        ("redis://h:65536", "a port is a number"),
        ("redis://h:6_379", "a port is a number"),
        ("redis://h:+6379", "a port is a number"),
        ("redis://me:hidden5ecret", "a port is a number"),
        ("redis://::1:6379", "an IPv6 address stands in brackets"),
        ("redis://[::1", "an IPv6 address stands in brackets"),
        ("redis://[hidden5ecret]", "no IPv6 address"),
        ("redis://[]:1", "no IPv6 address"),
        ("redis://h h", "space"),
        ("redis://a%20b", "a host's name has letters"),
        ("redis://a,redis://b", "a port is a number"),
        ("redis://a:1/0,b:2/1", "the database is a number"),
        ("redis://a?db=0,b?db=1", "the database is a number"),
        ("redis://h/prod", "the database is a number"),
        ("redis://h/-1", "the database is a number"),
        ("redis://h/1/2", "the database is a number"),
        ("redis://h/0/", "the database is a number"),
        ("redis://h?db=", "the database is a number"),
        ("redis://h/1?db=2", "names the database twice"),
        ("redis://h?db=1&db=2", "names the database twice"),
        ("redis://h#1", "holds a #"),
        ("redis://h/0?db=1#x", "holds a #"),
        ("redis://h?protocol=3", "no option protocol: it is RESP2; leave it out"),
        ("redis://h?family=0", "no such option: family"),
        ("redis://h?pool_size=10&db=1", "no such option: pool_size"),
        ("redis://h?socket_timeout=3", "set redis.socket_timeout_s instead"),
        ("redis://h?password=hidden5ecret", "set redis.password instead"),
        ("redis://h?password=a&hidden5ecret=b", "an option that is none"),
        ("redis://h?authToken=a&hidden5ecret=b", "an option that is none"),
        ("redis://h?hidden5ecret%2F", "an option that is none"),
        ("rediss://h?ssl_cert_reqs=none", "certificates are always verified"),
        ("rediss://h?ssl_check_hostname=false", "host names are always verified"),
        ("rediss://h?ssl_ca_certs=/ca", "set redis.ssl_cafile instead"),
        ("redis://:57#hidden5ecret@h:1/0", ENCODE),
        ("redis://:4711/hidden5ecret@h:1/0", ENCODE),
        ("redis://me:4711?hidden5ecret=a@h/0", ENCODE),
        ("redis://me:hidden5ecret@1@h/0", ENCODE),
        ("redis://me:hidden5ecret%@h/0", ENCODE),
        ("redis://me:hidden5ecret%zz@h/0", ENCODE),
        ("redis://me:hidden5ecret%ff@h/0", ENCODE),
        ("redis://a:hidden5ecret@h,b:hidden5ecret@i", ENCODE),
        ("unix://run/r.sock", NO_SOCKET),
        ("unix://me@h/r.sock", NO_SOCKET),
        ("unix://:a@/hidden5ecret@/r.sock", ENCODE),
        ("unix://:hidden5ecret/@/r.sock", ENCODE),
        ("unix://", "names no path"),
        ("unix:///", "names no path"),
        ("redis+sentinel://h:26379", "names no service"),
        ("redis+sentinel://h/", "names no service"),
        ("redis+sentinel://h//0", "names no service"),
        ("redis+sentinel://h/shop/x", "the database is a number"),
        ("redis+sentinel:///shop", "names no host"),
    ],
)
@pytest.mark.field(
    kind="connections",
    meets="a wrong option, one that weakens TLS, no host, a port or database that is none",
    happens="one line that says what to do, exit code 78, with no part of a secret",
)
def test_a_url_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^url") as caught:
        parse_redis_url(url)
    assert words in str(caught.value)
    assert passwords.CORE not in str(caught.value)


def test_every_wrong_option_has_its_line() -> None:
    with pytest.raises(ValueError, match=r"^url") as caught:
        parse_redis_url("redis://h?ssl=true&ssl=true&timeout=1&colour=red")
    assert str(caught.value).splitlines() == [
        "url: no option ssl: let url begin with rediss://; leave it out",
        "url: no option timeout here; set redis.socket_timeout_s instead",
        "url: no such option: colour; leave it out, the only one is db",
    ]


#: Characters that cut a URL into pieces, and what looks like a port or a database.
SIGNS = "/?#@:,[]& =;57"


@given(
    before=st.text(SIGNS, max_size=4),
    after=st.text(SIGNS, max_size=4),
    scheme=st.sampled_from(["redis", "rediss", "unix", "redis+sentinel"]),
    user=st.sampled_from(["", "me"]),
)
@pytest.mark.field(
    kind="connections",
    meets="a password that was not percent-encoded",
    happens="it is the password that was meant, or refused; never a host or a port",
)
def test_no_password_is_taken_for_something_else(
    before: str, after: str, scheme: str, user: str
) -> None:
    """As it was generated, and not encoded: it is the password that was meant, or refused."""
    password = f"{before}{passwords.CORE}{after}"
    end = {"unix": "/r.sock", "redis+sentinel": "h:1/shop"}.get(scheme, "h:1/0")
    url = f"{scheme}://{user}:{password}@{end}"
    assert password_in(url)
    try:
        found = parse_redis_url(url)
    except ValueError as error:
        assert passwords.CORE not in str(error)  # noqa: PT017 - either way is right
    else:
        assert (found.username, found.password) == (user, password)
        assert passwords.CORE not in str(found._replace(password=""))
