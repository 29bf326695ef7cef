"""The throughput table as a picture: `python -m bench.chart [build/bench.json] [OUTPUT.svg]`.

A bar per row on a logarithmic scale, since the rows span three orders of magnitude; its whisker
goes from the slowest round to the fastest.
"""

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

_DEFAULTS = ("build/bench.json", "docs/images/throughput.svg")
_LEFT, _BARS, _RIGHT = 300, 460, 190
_COLOURS = {"profiler": "#2f6f9f", "ceiling": "#b9c4cc"}
_OTHERS = "#c98b3c"

_PICTURE = """\
{% set height = 28 * rows | length + 44 -%}
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ width }} {{ height }}" width="{{ width }}"
  height="{{ height }}" font-family="sans-serif" font-size="13" role="img"
  aria-label="events per second of each row">
<rect width="{{ width }}" height="{{ height }}" fill="white"/>
<text x="8" y="20" fill="#666">events/s, one worker</text>
{% for power in range(first, last + 1) -%}
<path d="M{{ x(10 ** power) }} 28V{{ height - 10 }}" stroke="#e3e3e3"/>
<text x="{{ x(10 ** power) }}" y="20" text-anchor="middle" fill="#666">{{
  "{:,}".format(10 ** power) }}</text>
{% endfor -%}
{% for row in rows -%}
{% set speed, top = row.events_per_second, 34 + 28 * loop.index0 -%}
<text x="8" y="{{ top + 18 }}">{{ row.name }}</text>
<rect x="{{ left }}" y="{{ top + 5 }}" width="{{ (x(speed.median) - left) | round(1) }}"
  height="18" fill="{{ colours.get(row.name.partition("/")[0], others) }}"/>
<path d="M{{ x(speed.min) }} {{ top + 14 }}H{{ x(speed.max) }}" stroke="#333"/>
<text x="{{ x(speed.max) + 8 }}" y="{{ top + 18 }}">{{ "{:,.0f}".format(speed.median)
  }}{% if row.ratio_to_article_chain %} ({{ "%.1f" % row.ratio_to_article_chain
  }} x){% endif %}</text>
{% endfor -%}
</svg>
"""


def main() -> None:
    """Draw."""
    given = sys.argv[1:]
    source, target = (Path(path) for path in (*given, *_DEFAULTS[len(given) :]))
    report = json.loads(source.read_text(encoding="utf-8"))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(draw(report["rows"]), encoding="utf-8")


def draw(rows: Sequence[dict[str, Any]]) -> str:
    """The rows of a report as SVG."""
    speeds = [row["events_per_second"] for row in rows]
    first = math.floor(math.log10(min(speed["min"] for speed in speeds)))
    last = math.ceil(math.log10(max(speed["max"] for speed in speeds)))

    def x(speed: float) -> float:
        return round(_LEFT + _BARS * (math.log10(speed) - first) / (last - first), 1)

    picture = Environment(autoescape=True, undefined=StrictUndefined).from_string(_PICTURE)
    return picture.render(
        rows=rows,
        first=first,
        last=last,
        x=x,
        left=_LEFT,
        width=_LEFT + _BARS + _RIGHT,
        colours=_COLOURS,
        others=_OTHERS,
    )


if __name__ == "__main__":
    main()
