"""Which user agents are bots and crawlers, by the list of the package crawler-user-agents."""

import re
from functools import cache
from typing import NamedTuple

#: So much of a user agent is worth a look: some patterns take time by the square of the length.
MAX_CHARS = 512

#: A crawler may have several tags: this one says most.
_FIRST_OF_ALL = "ai-crawler"
_UNTAGGED = "other"

#: A pattern that stands for one text: no sign of it has a meaning, or a backslash before it.
_LITERAL = re.compile(r"(?:[^\\.^$*+?{}\[\]|()]|\\[^\w])+")


class _Crawlers(NamedTuple):
    """The list; texts are looked for some ten times faster than patterns."""

    texts: list[tuple[int, str]]
    patterns: list[tuple[int, re.Pattern[str]]]
    classes: list[str]


@cache
def _crawlers() -> _Crawlers:
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # noqa: PLC0415 - reads a long file

    found = _Crawlers([], [], [])
    for at, crawler in enumerate(CRAWLER_USER_AGENTS_DATA):
        pattern = crawler["pattern"]
        if _LITERAL.fullmatch(pattern):
            found.texts.append((at, re.sub(r"\\(.)", r"\1", pattern)))
        else:
            found.patterns.append((at, re.compile(pattern)))
        tags = crawler.get("tags") or [_UNTAGGED]
        found.classes.append(_FIRST_OF_ALL if _FIRST_OF_ALL in tags else tags[0])
    return found


def bot_class(user_agent: str) -> str:
    """The class of the first bot of the list that a user agent names; empty where it names none.

    The classes are the list's own: ``search-engine``, ``ai-crawler``, ``seo``, ``monitoring``,
    ``social-preview``, and more.
    """
    texts, patterns, classes = _crawlers()
    found = [at for at, text in texts if text in user_agent]
    found += [at for at, pattern in patterns if pattern.search(user_agent)]
    return classes[min(found)] if found else ""
