"""The derived inputs of one page and its referrer, each computed when it is asked for."""

from collections.abc import Collection
from functools import cached_property

from profiler.rules.derived.address import Address, parameters, read_address
from profiler.rules.derived.campaign import Touch, read_touch
from profiler.rules.derived.channel import Channels
from profiler.rules.derived.referrer import Referrer, read_referrer
from profiler.rules.derived.sources import Sources


class Page:
    """An address and its referrer; the properties have the names of the inputs.

    Where an event has neither, nothing is known, and everything is empty.

    Args:
        url: of the page.
        referrer: of the page.
        internal: see `read_referrer`.
        sources: knows sites.
        channels: knows channels.
    """

    def __init__(
        self,
        url: str,
        referrer: str,
        internal: Collection[str],
        sources: Sources,
        channels: Channels,
    ) -> None:
        self._url = url
        self._referrer_url = referrer
        self._internal = internal
        self._sources = sources
        self._channels = channels

    @cached_property
    def _address(self) -> Address:
        return read_address(self._url)

    @cached_property
    def _referrer(self) -> Referrer:
        referrer = read_address(self._referrer_url)
        return read_referrer(referrer, self._address.host, self._internal, self._sources)

    @cached_property
    def _touch(self) -> Touch:
        return read_touch(self._address.query, self._referrer, self._sources)

    def query(self, name: str) -> str:
        """A parameter of the address, decoded."""
        return parameters(self._address.query, {name.lower(): name}).get(name, "")

    @property
    def host(self) -> str:
        """Host of the address."""
        return self._address.host

    @property
    def path(self) -> str:
        """Path of the address."""
        return self._address.path

    @property
    def _is_known(self) -> bool:
        return bool(self._url or self._referrer_url)

    @property
    def referrer_kind(self) -> str:
        """What kind of site led here."""
        return self._referrer.kind if self._is_known else ""

    @property
    def source(self) -> str:
        """Who sent the visitor."""
        return self._touch.source

    @property
    def medium(self) -> str:
        """By what means."""
        return self._touch.medium

    @property
    def campaign(self) -> str:
        """Name of the campaign."""
        return self._touch.campaign

    @property
    def term(self) -> str:
        """Term of the campaign."""
        return self._touch.term

    @property
    def content(self) -> str:
        """Content of the campaign."""
        return self._touch.content

    @property
    def click_id(self) -> str:
        """Id of the click on an advertisement."""
        return self._touch.click_id

    @property
    def network(self) -> str:
        """Advertising network of the click."""
        return self._touch.network

    @property
    def channel(self) -> str:
        """The channel, by the first rule that matches."""
        if not self._is_known:
            return ""
        touch = self._touch
        return self._channels.of(touch.source, touch.medium, touch.campaign)
