"""Who sent the visitor to this page: campaign parameters, click ids, or the referrer."""

from functools import cache
from typing import NamedTuple

from profiler.rules.derived.address import parameters
from profiler.rules.derived.referrer import Referrer
from profiler.rules.derived.sources import Sources, table

_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")

#: The medium by which a site of a kind sends visitors where no campaign says so.
_MEDIUMS = {"search": "organic", "email": "email"}


class ClickId(NamedTuple):
    """A parameter that an advertising network adds to the addresses that it links to.

    Attributes:
        parameter: in lower case.
        network: who adds it.
        source: the site where it is clicked.
        medium: by what means, empty where the network adds it to links that nobody paid for too.
    """

    parameter: str
    network: str
    source: str
    medium: str = ""


class Touch(NamedTuple):
    """Where a visitor came from, whole; what is not known is empty."""

    source: str
    medium: str
    campaign: str
    term: str
    content: str
    click_id: str
    network: str


@cache
def click_ids() -> tuple[ClickId, ...]:
    """All that are known; where an address has several, the first one counts."""
    return tuple(ClickId(**each) for each in table("click_ids")["click_ids"])


@cache
def _wanted() -> dict[str, str]:
    return {name: name for name in (*_UTM, *(each.parameter for each in click_ids()))}


def read_touch(query: str, referrer: Referrer, sources: Sources) -> Touch:
    """Say who sent the visitor: a campaign, else a paid click, else the referrer, else its click.

    Args:
        query: of the page's address.
        referrer: the site that led here.
        sources: knows which names are one site.
    """
    found = parameters(query, _wanted())
    if not found:
        return Touch(*_by_referrer(referrer), "", "", "", "", "")
    source, medium, campaign, term, content = (found.get(name, "") for name in _UTM)
    click = next((each for each in click_ids() if found.get(each.parameter)), None)
    if source or medium or campaign:
        if click and not medium and (not source or _is_same(source, click.source, sources)):
            source, medium = source or click.source, click.medium
    elif click and (click.medium or not referrer.name):
        source, medium = click.source, click.medium or "referral"
    else:
        source, medium = _by_referrer(referrer)
    click_id, network = (found[click.parameter], click.network) if click else ("", "")
    return Touch(source, medium, campaign, term, content, click_id, network)


def _by_referrer(referrer: Referrer) -> tuple[str, str]:
    if not referrer.name:
        return "", ""
    return referrer.name, _MEDIUMS.get(referrer.kind, "referral")


def _is_same(source: str, other: str, sources: Sources) -> bool:
    site = sources.find(source)
    return site is not None and site == sources.find(other)
