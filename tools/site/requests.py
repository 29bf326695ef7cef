"""What a built site would ask other hosts for."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

#: What a browser fetches by itself; a link (`a`) it does not.
_FETCHED = {
    "audio",
    "embed",
    "iframe",
    "img",
    "input",
    "link",
    "script",
    "source",
    "track",
    "video",
}
_NOT_FETCHED = {"canonical", "alternate", "next", "prev"}


class _Requests(HTMLParser):
    """Collects the addresses of other hosts that a page makes a browser ask."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See the base class."""
        given = dict(attrs)
        if tag not in _FETCHED or given.get("rel") in _NOT_FETCHED:
            return
        addresses = [given.get("src"), given.get("href"), given.get("srcset")]
        self.found += [each for each in addresses if each and "//" in each[:8]]


def foreign_requests(site: Path) -> Iterator[tuple[str, str]]:
    """Each page with an address of another host that it makes a browser ask."""
    for page in site.rglob("*.html"):
        requests = _Requests()
        requests.feed(page.read_text("utf-8"))
        yield from ((page.relative_to(site).as_posix(), each) for each in requests.found)
