"""Kinds of referrers, and the sources that they stand for."""

from collections.abc import Iterator
from typing import Any

from tools.vectors.derived.builders import PAGE, Vector, rows, vector

#: name, referrer, kind, source, medium, channel
REFERRERS = rows("""
none | | direct | | | Direct
no-address | about:blank | direct | | | Direct
same-host | https://www.shop.example/ | internal | | | Direct
same-host-without-www | http://shop.example/a | internal | | | Direct
same-host-other-port | http://shop.example:81/ | internal | | | Direct
subdomain-is-another-site | https://blog.shop.example/ | other | blog.shop.example | referral | Referral
search | https://www.google.com/ | search | google | organic | Organic Search
search-country | https://www.google.co.uk/ | search | google | organic | Organic Search
search-country-2 | https://google.com.br/url?q=x | search | google | organic | Organic Search
search-subdomain | https://de.search.yahoo.com/ | search | yahoo | organic | Organic Search
search-app | android-app://com.duckduckgo.mobile.android/ | search | duckduckgo | organic | Organic Search
no-search | https://google.evil.example/ | other | google.evil.example | referral | Referral
no-search-2 | https://notgoogle.com/ | other | notgoogle.com | referral | Referral
part-that-is-no-search | https://docs.google.com/d/1 | other | docs.google.com | referral | Referral
social | https://m.facebook.com/ | social | facebook | referral | Organic Social
social-short | https://t.co/Ab3dEf | social | twitter | referral | Organic Social
video | https://youtu.be/1 | video | youtube | referral | Organic Video
shopping | https://www.amazon.de/dp/1 | shopping | amazon | referral | Organic Shopping
email | https://mail.google.com/mail/u/0/ | email | gmail | email | Email
email-app | android-app://com.google.android.gm/ | email | gmail | email | Email
ai | https://chatgpt.com/ | ai | chatgpt.com | referral | AI Assistant
ai-of-a-search-engine | https://gemini.google.com/app | ai | gemini.google.com | referral | AI Assistant
ai-2 | https://www.perplexity.ai/search/x | ai | perplexity.ai | referral | AI Assistant
other | https://forum.hiking.example/42 | other | forum.hiking.example | referral | Referral
other-without-www | https://WWW.Hiking.example/ | other | hiking.example | referral | Referral
""")  # noqa: E501 - a table

TABLE: dict[str, Any] = {
    "internal": ["Shop.example", "pay.example"],
    "sources": {
        "search": ["find.example"],
        "social": ["forum.example"],
        "ai": ["google.com", "bing.com"],
    },
}
#: The same beside the rules file's own table.
OWN = rows("""
internal-subdomain | https://blog.shop.example/ | internal | | | Direct
internal-payment | https://secure.pay.example/3ds | internal | | | Direct
internal-is-a-whole-label | https://mypay.example/ | other | mypay.example | referral | Referral
own-search | https://www.find.example/?q=x | search | find.example | organic | Organic Search
own-social | https://m.forum.example/ | social | forum.example | referral | Organic Social
own-wins | https://www.google.com/ | ai | google.com | referral | AI Assistant
own-wins-2 | https://www.bing.com/ | ai | bing.com | referral | AI Assistant
own-leaves-others | https://www.google.de/ | search | google | organic | Organic Search
""")


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    for cells, table, whose in ((REFERRERS, {}, "our tables"), (OWN, TABLE, "the rules file")):
        for name, referrer, kind, source, medium, channel in cells:
            yield vector(
                f"referrer-{name}",
                f"A referrer's kind and name come from {whose}.",
                url=PAGE,
                referrer=referrer,
                table=table,
                referrer_kind=kind,
                source=source,
                medium=medium,
                channel=channel,
            )
    yield vector(
        "referrer-nothing-at-all",
        "An event without address and referrer says nothing: it is not direct.",
        referrer_kind="",
        source="",
        medium="",
        channel="",
    )
    yield vector(
        "referrer-without-page",
        "A referrer is enough.",
        referrer="https://www.bing.com/",
        referrer_kind="search",
        source="bing",
        channel="Organic Search",
    )
