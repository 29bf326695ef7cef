"""Channels: one vector for each way to one, and for the order of the rules."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from tools.vectors.derived.builders import PAGE, Vector, vector

#: source, medium, campaign, channel
CHANNELS = (
    ("(direct)", "(none)", "", "Direct"),
    ("(direct)", "(not set)", "sale", "Direct"),
    ("(direct)", "email", "", "Email"),
    ("site", "y", "cross-network", "Cross-network"),
    ("google", "cpc", "My Cross-Network 7", "Cross-network"),
    ("amazon", "cpc", "", "Paid Shopping"),
    ("site", "ppc", "shop", "Paid Shopping"),
    ("site", "paid-any", "my eshop", "Paid Shopping"),
    ("site", "cpc", "winter shopping", "Paid Shopping"),
    ("site", "cpc", "workshop", "Paid Other"),
    ("site", "cpc", "bishop", "Paid Other"),
    ("BING", "CPC", "", "Paid Search"),
    ("bing", "cpm", "", "Paid Search"),
    ("instagram", "paid_social", "", "Paid Social"),
    ("m.facebook.com", "retargeting", "", "Paid Social"),
    ("youtube", "cpv", "", "Paid Video"),
    ("youtube", "cpc", "", "Paid Video"),
    ("site", "banner", "", "Display"),
    ("site", "interstitial", "", "Display"),
    ("site", "expandable", "", "Display"),
    ("site", "display", "", "Display"),
    ("site", "cpm", "", "Display"),
    ("chatgpt.com", "cpc", "", "Paid Other"),
    ("site", "paid", "", "Paid Other"),
    ("site", "unpaid", "", "Unassigned"),
    ("ebay.de", "referral", "", "Organic Shopping"),
    ("google", "organic", "shop", "Organic Shopping"),
    ("pinterest.co.uk", "", "", "Organic Social"),
    ("site", "Social Media", "", "Organic Social"),
    ("site", "sm", "", "Organic Social"),
    ("vimeo", "", "", "Organic Video"),
    ("site", "in-video", "", "Organic Video"),
    ("claude.ai", "", "", "AI Assistant"),
    ("copilot", "organic", "", "AI Assistant"),
    ("duckduckgo", "", "", "Organic Search"),
    ("site", "organic", "", "Organic Search"),
    ("site", "referral", "", "Referral"),
    ("site", "app", "", "Referral"),
    ("site", "link", "", "Referral"),
    ("e-mail", "x", "", "Email"),
    ("site", "e_mail", "", "Email"),
    ("site", "affiliate", "", "Affiliates"),
    ("site", "audio", "", "Audio"),
    ("sms", "x", "", "SMS"),
    ("site", "sms", "", "SMS"),
    ("site", "web-push", "", "Mobile Push Notifications"),
    ("site", "mobile", "", "Mobile Push Notifications"),
    ("site", "notification-7", "", "Mobile Push Notifications"),
    ("firebase", "x", "", "Mobile Push Notifications"),
    ("site", "pushy", "", "Unassigned"),
    ("site", "y", "z", "Unassigned"),
)

TABLE: dict[str, Any] = {
    "channels": [
        {"name": "Newsletter", "source": ["News*"], "medium": ["email", "letter"]},
        {"name": "Ambassadors", "campaign": ["amb-[0-9]*"]},
        {"name": "Any search", "kind": ["search"]},
        {"name": "No medium", "source": ["lost"], "medium": [""]},
    ]
}
#: The same with the rules file's own rules before ours.
OWN = (
    ("newsletter-7", "Email", "", "Newsletter"),
    ("other", "email", "", "Email"),
    ("site", "cpc", "AMB-7", "Ambassadors"),
    ("site", "cpc", "amb-x", "Paid Other"),
    ("google", "cpc", "", "Any search"),
    ("lost", "", "", "No medium"),
    ("lost", "organic", "", "Organic Search"),
)


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    for prefix, rows, table in (("channel", CHANNELS, {}), ("own-channel", OWN, TABLE)):
        for number, (source, medium, campaign, channel) in enumerate(rows, 1):
            query = {"utm_source": source, "utm_medium": medium, "utm_campaign": campaign}
            yield vector(
                f"{prefix}-{number}",
                "The first rule that matches gives the channel.",
                url=f"{PAGE}?{urlencode(query)}",
                table=table,
                channel=channel,
            )
