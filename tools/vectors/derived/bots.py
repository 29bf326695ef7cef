"""Bots and crawlers: a few that every version of the list knows, and browsers."""

from collections.abc import Iterator

from tools.vectors.derived.builders import Vector, rows, vector

#: name, user agent, class
AGENTS = rows("""
absent | |
browser | Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0 |
browser-of-a-phone | Mozilla/5.0 (Linux; Android 16; K) AppleWebKit/537.36 Chrome/150.0 Mobile |
search-engine | Mozilla/5.0 (compatible; Googlebot/2.1; +http://google.com/bot.html) | search-engine
ai-crawler | Mozilla/5.0 AppleWebKit/537.36 (compatible; GPTBot/1.2) | ai-crawler
ai-before-other-tags | Mozilla/5.0 (compatible; OAI-SearchBot/1.0) | ai-crawler
seo | Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/) | seo
library | curl/8.5.0 | http-library
library-in-the-middle | Mozilla/5.0 not-curl/8.5.0 |
automated-browser | Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0.0.0 | browser-automation
""")


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    for name, user_agent, bot in AGENTS:
        yield vector(
            f"bot-{name}",
            "A user agent's class is that of the list of crawler-user-agents.",
            user_agent=user_agent,
            bot=bot,
        )
    yield vector(
        "bot-behind-the-end",
        "Of a user agent the first 512 characters are read.",
        user_agent="x" * 512 + "Googlebot/2.1",
        bot="",
    )
