"""The demo's collector: what the Snowplow tracker sends becomes the article's records."""

import base64
import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from email.message import Message
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson
import pytest
import uvicorn

from profiler.demo.sample import read_sample
from profiler.demo.shop.app import Collector, shop_app
from profiler.demo.shop.snowplow import PayloadError, events_of, record_of
from profiler.kafka.memory import MemoryBroker, MemoryProducer

EVENT = {
    "e": "pv",
    "url": "http://127.0.0.1/tent",
    "page": "Aurora ⛺",
    "eid": "6a1e1a08-0000-4000-8000-000000000001",
    "dtm": "1700000000000",
    "stm": "1700000000100",
    "duid": "visitor-1",
    "sid": "visit-1",
}


def sections(value: bytes) -> dict[str, dict[str, Any]]:
    return {
        section: {field["name"]: field["value"] for field in fields}
        for section, fields in orjson.loads(value).items()
    }


def collected(event: dict[str, str]) -> dict[str, dict[str, Any]]:
    return sections(record_of(event, received_ms=7, user_agent="ua", number=3).value)


def test_a_page_view_has_the_samples_names() -> None:
    record = record_of(EVENT, received_ms=1_700_000_000_150, user_agent="Mozilla/5.0", number=3)
    assert record.key == b"visitor-1"
    assert sections(record.value) == {
        "kafka_raw": {
            "topic": "tracking_raw",
            "partition": 0,
            "offset": 3,
            "timestamp": 1_700_000_000_150,
        },
        "headers": {"user-agent": "Mozilla/5.0"},
        "query": {
            "other_eventtype": "Pageview",
            "other_page_url": "http://127.0.0.1/tent",
            "other_page_title": "Aurora ⛺",
            "other_event_id": EVENT["eid"],
            "other_dvce_created_tstamp": "1700000000000",
            "other_dvce_sent_tstamp": "1700000000100",
            "other_domain_userid": "visitor-1",
            "other_domain_sessionid": "visit-1",
        },
    }


def test_its_names_are_the_samples() -> None:
    known: set[str] = set()
    for record in read_sample():
        known |= sections(record.value)["query"].keys()
    assert collected(EVENT)["query"].keys() <= known
    shorts = ["pp_may", "se_ca", "se_va", "ue_pr", "co", "tna", "res", "refr", "vid", "uid"]
    assert collected(dict.fromkeys(shorts, "x"))["query"].keys() <= known


@pytest.mark.parametrize(("short", "name"), [("cx", "contexts"), ("ue_px", "unstruct_event")])
def test_what_is_base64_becomes_text(short: str, name: str) -> None:
    text = '{"schema":"ü?>"}'
    encoded = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    assert collected({short: encoded})["query"] == {f"other_{name}": text}


def test_an_unknown_parameter_keeps_its_name() -> None:
    assert collected({"new": "1"})["query"] == {"other_new": "1"}


def test_nobody_has_no_key() -> None:
    assert record_of({"e": "pv"}, received_ms=0, user_agent="", number=0).key is None


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"data":7}', b'{"data":[7]}', b'{"data":["a"]}', b"null"]
)
def test_what_is_no_payload_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError):
        events_of(body)


def test_wrong_base64_is_refused() -> None:
    with pytest.raises(PayloadError):
        collected({"cx": "_w"})


@pytest.fixture
def broker() -> MemoryBroker:
    broker = MemoryBroker()
    broker.create_topic("in")
    return broker


class Answer(NamedTuple):
    """What the shop said."""

    status: int
    headers: Message
    body: bytes


class Client:
    """A browser of the shop, on a real port."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, method: str, path: str, body: bytes | None = None, *, host: str = "") -> Answer:
        """One request on a connection of its own."""
        headers = {"Host": host} if host else {}
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)) as line:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            return Answer(answer.status, answer.headers, answer.read())


@pytest.fixture
def client(broker: MemoryBroker) -> Iterator[Client]:
    app = shop_app(Collector(MemoryProducer(broker), "in"), live_page="http://127.0.0.1:1/#token=t")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield Client(listening.getsockname()[1])
        server.should_exit = True
        thread.join()


TP2 = "/com.snowplowanalytics.snowplow/tp2"


def values(broker: MemoryBroker) -> list[bytes | None]:
    return [record.value for record in broker.records("in")]


def test_a_post_and_a_pixel_are_records(client: Client, broker: MemoryBroker) -> None:
    payload = orjson.dumps({"schema": "iglu:…", "data": [EVENT, EVENT]})
    assert client.ask("POST", TP2, payload).status == 204
    assert client.ask("GET", f"/i?{urlencode(EVENT)}").status == 204
    written = values(broker)
    assert len(written) == 3
    for value in written:
        assert sections(value or b"")["query"]["other_page_title"] == "Aurora ⛺"


def test_what_is_refused_writes_nothing(client: Client, broker: MemoryBroker) -> None:
    half = orjson.dumps({"data": [EVENT, {"cx": "_w"}]})
    asked = [client.ask("POST", TP2, body).status for body in (b"{", b"x" * 70_000, half)]
    assert asked == [400, 413, 400]
    assert values(broker) == []


def test_a_broken_record_is_no_json(client: Client, broker: MemoryBroker) -> None:
    assert client.ask("POST", "/broken").status == 204
    [value] = values(broker)
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(value or b"{}")


@pytest.mark.parametrize("page", ["/", "/tent", "/checkout"])
def test_the_pages_have_titles_and_a_policy(client: Client, page: str) -> None:
    answer = client.ask("GET", page)
    assert answer.status == 200
    assert b"<title>" in answer.body
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_another_sites_name_gets_no_token(client: Client) -> None:
    assert orjson.loads(client.ask("GET", "/demo.json").body)["live_page"].endswith("#token=t")
    assert client.ask("GET", "/demo.json", host="evil.example").status == 400
