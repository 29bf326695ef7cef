"""What people meet where they ask who sent a visitor."""

import pytest

from profiler.rules.derived.inputs import DerivedInputs
from profiler.rules.derived.table import Derived

TABLE = Derived(url="url", referrer="referrer", user_agent="agent", internal=("pay.example",))


def derived(name: str, **event: str) -> str:
    """One input of an event."""
    (value,) = DerivedInputs(TABLE, [f"derived.{name}"]).of(event)
    return value


@pytest.mark.field(
    kind="sources",
    meets="a click on an advertisement without campaign parameters and referrer (`gclid` alone)",
    happens="it is paid, and not direct",
)
def test_a_paid_click_is_not_direct() -> None:
    assert derived("channel", url="https://shop.example/?gclid=Cj0") == "Paid Search"


@pytest.mark.field(
    kind="sources",
    meets="a visitor sent by an AI assistant",
    happens="a channel of its own, before organic search",
)
@pytest.mark.parametrize(
    "event",
    [
        {"referrer": "https://chatgpt.com/"},
        {"referrer": "https://gemini.google.com/app"},
        {"url": "https://shop.example/?utm_source=chatgpt.com"},
    ],
)
def test_an_assistant_is_a_channel(event: dict[str, str]) -> None:
    assert derived("channel", **event) == "AI Assistant"


@pytest.mark.field(
    kind="sources",
    meets="a payment provider's page between two of our own",
    happens="`internal` in the rules file names it, and it sent nobody",
)
def test_a_payment_provider_sends_nobody() -> None:
    referrer = "https://secure.pay.example/3ds"
    assert derived("source", url="https://shop.example/thanks", referrer=referrer) == ""


@pytest.mark.field(
    kind="sources",
    meets="an address with another host before an `@`, or with another spelling of a host",
    happens="the host is the one that a browser goes to",
)
@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.google.com@evil.example/", "evil.example"),
        ("HTTPS://Müller.Example.:443/", "xn--mller-kva.example"),
    ],
)
def test_a_host_is_the_one_that_a_browser_goes_to(url: str, host: str) -> None:
    assert derived("host", url=url) == host


@pytest.mark.field(
    kind="sources",
    meets="a bot that keeps cookies, and so looks like a visitor",
    happens="a predicate over `derived.bot` tells it from people",
)
def test_a_bot_has_a_class() -> None:
    agent = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    assert derived("bot", agent=agent) == "search-engine"
    assert derived("bot", agent="Mozilla/5.0 (X11; rv:140.0) Gecko/20100101 Firefox/140.0") == ""
