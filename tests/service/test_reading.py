"""Reading profiles: one, many, as of when, and only if they changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import redis

from servers.redis import FLAVOURS
from tests.service.running import BEARER

if TYPE_CHECKING:
    from tests.integration.visitors import Visitors
    from tests.service.running import Service

pytestmark = pytest.mark.parametrize("store", FLAVOURS, indirect=True, scope="module")

#: Every character of one byte, and what has a meaning in paths, URLs, headers, keys or Lua.
HOSTILE = {
    "each byte": "".join(map(chr, range(1, 128))),
    "zero": "a\x00b",
    "up": "../../etc/passwd",
    "dots": "..%2f..",
    "slashes": "//a//b/",
    "query": "a?now=1&now=2#fragment",
    "batch": "visitors:batch",
    "percent": "%41%zz%",
    "brace": "}{a}",
    "line ends": "a\r\nX-Injected: 1\r\n\r\n",
    "unicode": "ü\u2028🙂\ufeff",
    "quotes": "\"'`;return 1--",
    "spaces": "  a + b  ",
    "long": "x" * 600,
}


def test_a_profile_is_what_the_command_get_shows(visitors: Visitors, service: Service) -> None:
    visitors.see("ada", "Home")
    answer = service.read("ada")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.document == visitors.found("ada")
    assert answer.document["profile"]["visitor_first_page"] == "Home"


def test_a_visitor_without_a_profile_is_not_found(service: Service) -> None:
    answer = service.read("nobody")
    assert (answer.status, answer.code) == (404, "unknown_visitor")


@pytest.mark.parametrize("visitor", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.field(
    kind="identity",
    meets="an id with slashes, dots, quotes, line ends or a zero byte in a request's path",
    happens="it is that visitor's id, percent-encoded, and nothing else",
)
def test_an_id_may_be_any_text(visitors: Visitors, service: Service, visitor: str) -> None:
    assert service.read(visitor).status == 404
    visitors.see(visitor, "Home")
    found = service.read(visitor)
    assert found.status == 200, found
    assert found.document["visitor"] == visitor
    assert found.document["profile"]["visitor_id"] == visitor


def test_an_id_of_10_kb_is_nobodys(service: Service) -> None:
    assert service.read("x" * 10_000).code == "unknown_visitor"


def test_an_id_that_is_no_utf_8_is_refused(service: Service) -> None:
    for raw in (b"\xff", b"a\xc3", b"\xed\xa0\x80"):
        answer = service.read(raw)
        assert (answer.status, answer.code) == (400, "bad_id")


@pytest.mark.parametrize("target", ["/v1/visitors/", "/v1/visitors/a/b", "/v1/visitors", "/v1//a"])
def test_a_path_that_is_no_visitors_is_not_found(service: Service, target: str) -> None:
    answer = service.ask("GET", target)
    assert (answer.status, answer.code) == (404, "not_found")


def test_with_the_etag_it_comes_again_only_when_it_changed(
    visitors: Visitors, service: Service
) -> None:
    visitors.see("eve", "Home")
    first = service.read("eve", "?now=1700000100000")
    tag = first.headers["etag"]
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = service.read("eve", "?now=1700000100000", If_None_Match=given)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag), given
    assert service.read("eve", "?now=1700000100000", If_None_Match='"other"').status == 200
    visitors.see("eve", "Shop", stream="0:t:1")
    changed = service.read("eve", "?now=1700000100000", If_None_Match=tag)
    assert (changed.status, changed.document["profile"]["visitor_pageviews"]) == (200, 2)
    assert changed.headers["etag"] != tag


def test_windows_are_as_of_now_or_of_the_time_that_is_asked_for(
    visitors: Visitors, service: Service
) -> None:
    visitors.see("max", "Home")
    day = 86_400_000
    then = service.read("max", f"?now={1_700_000_000_000 + day}")
    assert then.document["profile"]["visitor_active_days"] == 1
    later = service.read("max", f"?now={1_700_000_000_000 + 60 * day}")
    assert later.document["profile"]["visitor_active_days"] == 0
    assert service.read("max").document["profile"]["visitor_active_days"] == 0


@pytest.mark.parametrize(
    "query", ["?now=", "?now=-1", "?now=1.5", "?now=1e3", "?now=1234567890123456", "?x=1"]
)
def test_a_wrong_query_is_refused(service: Service, query: str) -> None:
    answer = service.read("ada", query)
    assert (answer.status, answer.code) == (400, "bad_query")


def test_a_name_that_stands_twice_is_refused(service: Service) -> None:
    assert service.read("ada", "?now=1&now=2").code == "bad_query"


def test_head_is_get_without_the_body(visitors: Visitors, service: Service) -> None:
    visitors.see("ida", "Home")
    got = service.read("ida", "?now=1700000100000")
    head = service.ask("HEAD", "/v1/visitors/ida?now=1700000100000")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["etag"] == got.headers["etag"]


def test_a_batch_tells_who_is_known_and_who_is_not(visitors: Visitors, service: Service) -> None:
    names = [f"batch {number}" for number in range(99)]
    for name in names[::2]:
        visitors.see(name, name)
    client = redis.Redis.from_url(visitors.url)
    client.set(visitors.key("broken"), "no hash")
    answer = service.send_json(
        "/v1/visitors:batch?now=1700000100000", {"visitors": [*names, "broken"]}
    )
    assert answer.status == 200
    found = answer.document
    assert [each["visitor"] for each in found["visitors"]] == names[::2]
    assert found["visitors"][0] == service.read(names[0], "?now=1700000100000").document
    assert found["unknown"] == names[1::2]
    (unreadable,) = found["unreadable"]
    assert unreadable["visitor"] == "broken"
    assert "another program wrote it" in unreadable["detail"]
    client.close()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b'"\xff"', "bad_json"),
        (b"[]", "bad_body"),
        (b"{}", "bad_body"),
        (b'{"visitors": []}', "bad_body"),
        (b'{"visitors": [""]}', "bad_body"),
        (b'{"visitors": [1]}', "bad_body"),
        (b'{"visitors": ["a"], "more": 1}', "bad_body"),
        (json.dumps({"visitors": ["a"] * 101}).encode(), "bad_body"),
    ],
)
def test_a_wrong_batch_is_refused(service: Service, body: bytes, code: str) -> None:
    kind = {"Content-Type": "application/json"}
    answer = service.ask("POST", "/v1/visitors:batch", BEARER | kind, body)
    assert (answer.status, answer.code) == (400, code)


def test_what_was_sent_is_not_in_the_refusal(service: Service) -> None:
    answer = service.send_json("/v1/visitors:batch", {"visitors": ["a", 7777777]})
    assert b"7777777" not in answer.body


def test_a_batch_that_is_not_said_to_be_json_is_refused(service: Service) -> None:
    answer = service.ask("POST", "/v1/visitors:batch", BEARER, b'{"visitors": ["a"]}')
    assert (answer.status, answer.code) == (415, "no_json")


def test_a_damaged_profile_is_a_fault_of_ours_that_says_so(
    visitors: Visitors, service: Service
) -> None:
    client = redis.Redis.from_url(visitors.url)
    client.hset(visitors.key("damaged"), "~", "garbage")
    answer = service.read("damaged")
    assert (answer.status, answer.code) == (500, "unreadable_profile")
    client.close()


def test_a_method_that_a_path_has_not_is_refused(service: Service) -> None:
    for method in ("PUT", "PATCH", "POST", "OPTIONS", "TRACE"):
        answer = service.ask(method, f"/v1/visitors/{quote('ada')}")
        assert (answer.status, answer.code) == (405, "method_not_allowed")
        assert {*answer.headers["allow"].split(", ")} == {"DELETE", "GET", "HEAD"}


def test_every_answer_has_safe_headers(service: Service) -> None:
    for target in ("/healthz", "/v1/visitors/nobody", "/nope", "/v1/stats"):
        headers = service.ask("GET", target).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
