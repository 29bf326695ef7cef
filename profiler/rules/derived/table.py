"""The rules file's table `derived`: which fields are read, and what is known beyond our tables."""

import re
from functools import cache
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from profiler.rules.derived.address import host_of
from profiler.rules.derived.channel import ChannelRule, Channels
from profiler.rules.derived.names import WORDS, derived_input
from profiler.rules.derived.sources import Kind, Sources, Tables, table
from profiler.rules.identity import OwnField, Table
from profiler.rules.places import PlacedError

#: What stands before or behind a host in an address; the address of version 6 has colons itself.
_MORE_THAN_A_HOST = re.compile(r"[/@?#\\]|^[^\[]*:")


def _host(text: str) -> str:
    host = "" if _MORE_THAN_A_HOST.search(text) else host_of(text)
    if not host:
        raise ValueError(f"{text} is no host: a name like shop.example, without scheme and path")
    return host


Text = Annotated[str, StringConstraints(min_length=1, max_length=253, to_lower=True)]


class Derived(Table):
    """Where an event has its addresses and its user agent, and what the site's own names are.

    Attributes:
        url: the field with the page's address.
        referrer: with the address of the page before it.
        user_agent: with the user agent.
        internal: hosts of the site, beside the page's own; their subdomains count too. Also hosts
            that a visitor passes on the way, such as a payment provider's.
        sources: more hosts and names of sources, by kind; they win over ours.
        channels: rules that come before ours.
    """

    url: OwnField | None = None
    referrer: OwnField | None = None
    user_agent: OwnField | None = None
    internal: Annotated[
        tuple[Annotated[str, AfterValidator(_host)], ...], Field(max_length=1_024)
    ] = ()
    sources: dict[Kind, Annotated[tuple[Text, ...], Field(max_length=4_096)]] = Field(
        default_factory=dict
    )
    channels: Annotated[tuple[ChannelRule, ...], Field(max_length=64)] = ()

    def fields_of(self, name: str) -> list[str]:
        """The fields of the event that a derived input reads.

        Raises:
            PlacedError: the table does not name one of them.
        """
        found: list[str] = []
        for source in derived_input(name).reads:
            field: str | None = getattr(self, source)
            if field is None:
                message = f"{name} is derived from it: name the field that has the {WORDS[source]}"
                raise PlacedError(("derived", source), message)
            found.append(field)
        return found

    @property
    def known_sources(self) -> Sources:
        """Our sources, with the sources of the rules file."""
        own: Tables = {kind: dict.fromkeys(names, ()) for kind, names in self.sources.items()}
        return Sources([table("sources"), own])

    def known_channels(self, sources: Sources) -> Channels:
        """Our channels, behind the channels of the rules file."""
        return Channels([*self.channels, *_our_channels()], sources)


@cache
def _our_channels() -> tuple[ChannelRule, ...]:
    return tuple(ChannelRule(**each) for each in table("channels")["channels"])
