"""The tables of sources, click ids and channels mean what they say."""

import re
from collections import Counter
from itertools import pairwise, permutations
from typing import get_args

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from profiler.rules.derived.address import host_of
from profiler.rules.derived.bots import bot_class
from profiler.rules.derived.campaign import click_ids
from profiler.rules.derived.channel import ChannelRule, Channels
from profiler.rules.derived.inputs import DerivedInputs
from profiler.rules.derived.names import NAMED
from profiler.rules.derived.page import Page
from profiler.rules.derived.sources import Kind, Sources, table
from profiler.rules.derived.table import Derived

SOURCES = table("sources")


def test_every_entry_has_one_site() -> None:
    assert set(SOURCES) == set(get_args(Kind))
    entries = [
        entry
        for sites in SOURCES.values()
        for name, others in sites.items()
        for entry in {name, *others}
    ]
    assert [entry for entry, count in Counter(entries).items() if count > 1] == []
    assert [entry for entry in entries if entry != entry.strip().lower() or not entry] == []


def test_every_host_can_be_met() -> None:
    """Of an entry with a dot the finder finds the site, and of a host below it."""
    sources = Sources([SOURCES])
    for kind, sites in SOURCES.items():
        for name, others in sites.items():
            for entry in (name, *others):
                host = entry.replace(".*", ".co.uk")
                assert sources.find(host) == (name, kind)
                if "." in entry:
                    assert host_of(host) == host
                    assert sources.find(f"m.{host}") == (name, kind), entry


def test_click_ids_can_be_met_and_give_known_sources_their_channel() -> None:
    sources = Sources([SOURCES])
    channels = Channels([ChannelRule(**each) for each in table("channels")["channels"]], sources)
    for click in click_ids():
        assert click.parameter == click.parameter.lower()
        page = Page(f"/?{click.parameter}=7", "", (), sources, channels)
        assert (page.click_id, page.network, page.source) == ("7", click.network, click.source)
        paid = {"cpc": "Paid", "cpm": "Display", "affiliate": "Affiliates", "": "Organic"}
        assert page.channel.startswith(paid[click.medium])


def test_the_class_of_a_bot_is_that_of_the_first_entry_that_matches() -> None:
    crawlers = [(re.compile(each["pattern"]), each["tags"]) for each in CRAWLER_USER_AGENTS_DATA]
    agents = [agent for each in CRAWLER_USER_AGENTS_DATA[::7] for agent in each["instances"][:2]]
    agents += [f"{last} {first}" for first, last in pairwise(agents[::5])]
    assert len(agents) > 250
    for agent in agents:
        tags: list[str] = next(tags for pattern, tags in crawlers if pattern.search(agent))
        assert bot_class(agent) == ("ai-crawler" if "ai-crawler" in tags else tags[0])


def test_values_come_in_the_order_of_the_names() -> None:
    derived = Derived(url="u", user_agent="a")
    event = {"u": "https://shop.example/a", "a": "curl/8"}
    found = {"derived.bot": "http-library", "derived.host": "shop.example", "derived.path": "/a"}
    for names in permutations(found):
        assert DerivedInputs(derived, names).of(event) == tuple(found[name] for name in names)


def test_every_named_input_is_a_property_of_a_page() -> None:
    properties = {f"derived.{name}" for name, of in vars(Page).items() if isinstance(of, property)}
    assert {name for name in NAMED if name != "derived.bot"} == {
        name for name in properties if not name.startswith("derived._")
    }
