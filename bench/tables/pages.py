"""Which tables there are, and the pages with them made anew."""

import re
from collections.abc import Callable, Mapping, Sequence

from bench.tables import measurements, throughput
from bench.tables.figures import Report
from bench.tables.headline import headline

_BLOCK = re.compile(r"(<!-- figures: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

#: By name: the reports that a table needs, and what makes it.
TABLES: Mapping[str, tuple[Sequence[str], Callable[..., str]]] = {
    "headline": (("bench", "latency", "recovery", "scale"), headline),
    "throughput": (("bench",), throughput.throughput),
    "aims": (("bench", "latency"), throughput.aims),
    "latency": (("latency",), measurements.latency),
    "recovery": (("recovery",), measurements.recovery),
    "scale": (("scale",), measurements.scale),
    "cluster": (("cluster",), measurements.cluster),
    "stages": (("stages",), measurements.stages),
    "delivery": (("bench",), throughput.delivery),
    "capacity": (("bench", "cost"), throughput.capacity),
    "machine": (("bench",), throughput.machine),
}


def filled(page: str, reports: Mapping[str, Report], *, say: Callable[[str], None]) -> str:
    """The page with every table made anew whose reports are there.

    Args:
        page: its text.
        reports: by the name of their file, without the ending.
        say: takes a line for each table.

    Raises:
        KeyError: the page has a table that nobody makes.
    """

    def made(block: re.Match[str]) -> str:
        needed, make = TABLES[block[2]]
        if missing := [name for name in needed if name not in reports]:
            say(f"{block[2]}: stays, {', '.join(f'{name}.json' for name in missing)} is missing")
            return block[0]
        say(f"{block[2]}: written")
        return f"{block[1]}{make(*(reports[name] for name in needed))}\n{block[3]}"

    return _BLOCK.sub(made, page)
