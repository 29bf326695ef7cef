"""docs/derived-inputs.md: its example runs, and its tables are those of the code."""

import json
import re
from contextlib import closing
from pathlib import Path

from profiler.config.settings import Settings
from profiler.engine import EngineClass, process
from profiler.records.types import Record
from profiler.rules.derived.address import read_address
from profiler.rules.derived.campaign import click_ids
from profiler.rules.derived.names import NAMED
from profiler.rules.derived.sources import table
from profiler.rules.model import parse_rules
from servers.redis import Store
from tests.lua.runner import Runner

PAGE = (Path(__file__).parents[2] / "docs" / "derived-inputs.md").read_text("utf-8")


def block(language: str) -> str:
    """The one block of code of a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def rows_below(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without marks of code."""
    below = PAGE.partition(f"## {heading}\n")[2]
    found = re.search(r"^\|.*\n\|[-| :]*\n((?:\|.*\n)*)", below, re.MULTILINE)
    assert found
    lines = found[1].splitlines()
    return [[cell.strip().replace("`", "") for cell in line.split("|")[1:-1]] for line in lines]


def test_the_example_gives_what_the_page_says(store: Store, engine: EngineClass) -> None:
    head = re.search(r"^\| event \|(.*)\|$", PAGE, re.MULTILINE)
    assert head
    names = [f"profile_{name.strip(' `')}" for name in head[1].split("|")]
    records = [
        Record("tracking_processed", 0, place, -1, None, line.encode(), ())
        for place, line in enumerate(block("json").splitlines())
    ]
    with closing(Runner(store.url, parse_rules(block("toml"), "page"))) as runner:
        made = engine("run", Settings(), runner.script)
        finished = process(made, runner.script, records)

    persisted = [
        json.loads(output.value or b"")
        for output in finished.outputs
        if output.topic == "tracking_persisted"
    ]
    found = [
        [str(place), *(str(output[name]) for name in names)]
        for place, output in enumerate(persisted, 1)
    ]
    assert found == rows_below("An example")


def test_the_page_lists_all_inputs() -> None:
    listed = [row[0] for row in rows_below("All of them")]
    assert [name for name in listed if "<" not in name] == list(NAMED)


def test_the_page_reads_addresses_as_we_do() -> None:
    for address, host, path in rows_below("Addresses"):
        assert read_address(address)[:2] == (host, path)


def test_the_page_lists_all_click_ids() -> None:
    listed = [
        (parameter, *row[1:])
        for row in rows_below("Who sent the visitor")
        for parameter in row[0].split(", ")
    ]
    assert listed == [tuple(each) for each in click_ids()]


def test_the_page_lists_all_channels_in_their_order() -> None:
    names = dict.fromkeys(each["name"] for each in table("channels")["channels"])
    assert [row[0] for row in rows_below("Channels")] == list(names)
