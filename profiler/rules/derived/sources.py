"""Knows sites and sources by name: search engines, social networks, shops, AI assistants."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

#: What a known site is.
Kind = Literal["search", "social", "video", "shopping", "email", "ai", "other"]

#: An entry ends with ``.*`` where the site has hosts in many countries.
_COUNTRY = re.compile(r"\.(?:com?\.[a-z]{2}|com|[a-z]{2})\Z")

#: No entry has more labels; of a longer host the last ones are looked at.
_MOST_LABELS = 6


#: Sites by kind and name, with their hosts and other names.
Tables = Mapping[Kind, Mapping[str, Iterable[str]]]


class Site(NamedTuple):
    """A site that is known; a part of one that is nothing of the kind is ``other``."""

    name: str
    kind: Kind


class Sources:
    """Finds sites by host or name.

    Args:
        tables: by kind, and by the site's name: hosts (with a dot; their subdomains count too) and
            other names of it (without one), in lower case. A later table wins.
    """

    def __init__(self, tables: Iterable[Tables]) -> None:
        self._sites: dict[str, Site] = {}
        for table in tables:
            for kind, sites in table.items():
                for name, entries in sites.items():
                    self._sites |= dict.fromkeys([name, *entries], Site(name, kind))

    def find(self, source: str) -> Site | None:
        """The site of a host or of a source's name, None where nobody knows it."""
        source = source.strip().lower()
        site = self._sites.get(source)
        if site or "." not in source:
            return site
        labels = source.split(".")[-_MOST_LABELS:]
        anywhere = _COUNTRY.sub(".*", ".".join(labels)).split(".")
        for at in range(len(labels)):
            found = ".".join(labels[at:]), ".".join(anywhere[at:])
            site = self._sites.get(found[0]) or self._sites.get(found[1])
            if site is not None:
                return site
        return None


@cache
def table(name: str) -> Any:  # noqa: ANN401 - a table of TOML
    """A table of this project, from the folder ``data``."""
    file = files("profiler") / "rules" / "derived" / "data" / f"{name}.toml"
    return tomllib.loads(file.read_text("utf-8"))
