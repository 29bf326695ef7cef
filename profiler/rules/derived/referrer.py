"""What kind of site an event's referrer is."""

from collections.abc import Collection
from typing import Literal, NamedTuple

from profiler.rules.derived.address import Address
from profiler.rules.derived.sources import Kind, Sources

ReferrerKind = Kind | Literal["direct", "internal"]


class Referrer(NamedTuple):
    """The site that led here; its name is empty where none did, or the page's own."""

    kind: ReferrerKind
    name: str


def read_referrer(
    referrer: Address, page_host: str, internal: Collection[str], sources: Sources
) -> Referrer:
    """Say what a referrer is.

    Args:
        referrer: its address.
        page_host: of the page that was viewed.
        internal: hosts that are the page's own, with their subdomains.
        sources: knows sites.
    """
    if not referrer.host:
        return Referrer("direct", "")
    host = referrer.host.removeprefix("www.")
    if host == page_host.removeprefix("www.") or _is_below(host, internal):
        return Referrer("internal", "")
    site = sources.find(host)
    return Referrer(site.kind, site.name) if site else Referrer("other", host)


def _is_below(host: str, hosts: Collection[str]) -> bool:
    """Whether a host is one of these, or a subdomain of one."""
    if not hosts:
        return False
    labels = host.split(".")
    return any(".".join(labels[at:]) in hosts for at in range(len(labels)))
