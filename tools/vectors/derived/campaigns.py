"""Touches: campaign parameters, click ids, referrers, and which of them counts."""

from collections.abc import Iterator

from tools.vectors.derived.builders import PAGE, Vector, rows, vector

#: name, query, referrer's host, source, medium, campaign, click id, network, channel
TOUCHES = rows("""
whole | utm_source=news&utm_medium=email&utm_campaign=sale | | news | email | sale | | | Email
before-the-referrer | utm_source=news&utm_medium=email | google.com | news | email | | | | Email
not-filled-from-the-referrer | utm_campaign=sale | google.com | | | sale | | | Unassigned
as-written | utm_source=Google&utm_medium=CPC | | Google | CPC | | | | Paid Search
upper-case-names | UTM_SOURCE=bing&Utm_Medium=organic | | bing | organic | | | | Organic Search
lower-case-names-first | UTM_SOURCE=one&utm_source=two | | two | | | | | Unassigned
encoded | utm_source=caf%C3%A9+blog&utm_medium=e%20mail | | café blog | e mail | | | | Email
empty-is-none | utm_source=&utm_medium= | google.com | google | organic | | | | Organic Search
source-alone | utm_source=chatgpt.com | | chatgpt.com | | | | | AI Assistant
paid-click | gclid=Cj0 | google.com | google | cpc | | Cj0 | Google | Paid Search
paid-click-without-referrer | msclkid=9a | | bing | cpc | | 9a | Microsoft | Paid Search
paid-click-of-an-app | wbraid=1 | | google | cpc | | 1 | Google | Paid Search
paid-click-2 | gbraid=1 | | google | cpc | | 1 | Google | Paid Search
paid-social-click | ttclid=E.C | | tiktok | cpc | | E.C | TikTok | Paid Social
click-in-upper-case | ScCid=1 | | snapchat | cpc | | 1 | Snapchat | Paid Social
campaign-before-click | utm_source=google-ad&utm_medium=display&gclid=1 | | google-ad | display | | 1 | Google | Display
click-says-the-medium | utm_source=google&gclid=1 | | google | cpc | | 1 | Google | Paid Search
click-leaves-the-medium | utm_source=google&utm_medium=display&gclid=1 | | google | display | | 1 | Google | Display
click-of-another-source | utm_source=partner&gclid=1 | | partner | | | 1 | Google | Unassigned
click-and-campaign | utm_campaign=sale&msclkid=1 | | bing | cpc | sale | 1 | Microsoft | Paid Search
free-click-and-referrer | fbclid=Iw | l.instagram.com | instagram | referral | | Iw | Meta | Organic Social
free-click-alone | fbclid=Iw | | facebook | referral | | Iw | Meta | Organic Social
free-click-says-no-medium | utm_source=facebook&fbclid=Iw | | facebook | | | Iw | Meta | Organic Social
two-clicks | fbclid=2&gclid=1 | | google | cpc | | 1 | Google | Paid Search
empty-click | gclid=&fbclid=2 | | facebook | referral | | 2 | Meta | Organic Social
affiliate-click | awc=1_2 | | awin | affiliate | | 1_2 | Awin | Affiliates
display-click | dclid=1 | | doubleclick | cpm | | 1 | DoubleClick | Display
internal-campaign | utm_source=banner&utm_medium=link | shop.example | banner | link | | | | Referral
""")  # noqa: E501 - a table


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    for name, query, host, source, medium, campaign, click_id, network, channel in TOUCHES:
        yield vector(
            f"touch-{name}",
            "A touch is whole: a campaign, else a paid click, else the referrer, else its click.",
            url=f"{PAGE}?{query}",
            referrer=f"https://{host}/" if host else "",
            source=source,
            medium=medium,
            campaign=campaign,
            click_id=click_id,
            network=network,
            channel=channel,
        )
    yield vector(
        "touch-term-and-content",
        "Term and content are no touch alone: the referrer says who sent the visitor.",
        url=f"{PAGE}?utm_term=tent&utm_content=hero",
        referrer="https://www.google.com/",
        source="google",
        medium="organic",
        term="tent",
        content="hero",
    )
