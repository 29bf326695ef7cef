"""A dashboard as a picture, without Grafana: its own panels and queries, drawn as SVG."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined

from tools.dashboard.data import Line

_COLUMN, _UNIT, _GAP = 58, 30, 8
_COLOURS = (
    *("#3274d9", "#e0752d", "#37872d", "#8f3bb8", "#c4162a"),
    *("#00847e", "#b87a00", "#7d64d1", "#5f6b7a"),
)
_STATES = {"green": "#37872d", "orange": "#c77700", "red": "#c4162a"}
_TICKS = 4
_MOST_NAMES = 9
#: Thousands, and how they are written.
_THOUSANDS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_SHORT = ((1.0, 1, "s"), (1e-3, 1e3, "ms"), (0.0, 1e6, "µs"))

_PICTURE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ width }} {{ height }}" width="{{ width }}"
  height="{{ height }}" font-family="Inter, 'DejaVu Sans', sans-serif" font-size="11" role="img"
  aria-label="{{ title }}">
<rect width="{{ width }}" height="{{ height }}" fill="#f4f5f7"/>
{% for box in boxes -%}
<g transform="translate({{ box.x }} {{ box.y }})">
{% if box.kind == "row" -%}
<text y="20" font-size="13" font-weight="bold" fill="#333">{{ box.title }}</text>
{% else -%}
<rect width="{{ box.width }}" height="{{ box.height }}" rx="3" fill="white" stroke="#dde0e4"/>
<text x="10" y="18" font-weight="bold" fill="#333">{{ box.title }}</text>
{% if box.kind == "stat" -%}
<text x="{{ box.width / 2 }}" y="{{ box.height / 2 + 24 }}" font-size="30" text-anchor="middle"
  fill="{{ box.colour }}">{{ box.number }}</text>
{% else -%}
{% for tick in box.ticks -%}
<path d="M{{ box.left }} {{ tick.y }}H{{ box.right }}" stroke="#e8eaed"/>
<text x="{{ box.left - 5 }}" y="{{ tick.y + 4 }}" text-anchor="end" fill="#777">{{ tick.name
  }}</text>
{% endfor -%}
{% for at in box.times -%}
<text x="{{ at.x }}" y="{{ box.bottom + 14 }}" text-anchor="middle" fill="#777">{{ at.name }}</text>
{% endfor -%}
{% for line in box.lines -%}
{% if line.area %}<path d="{{ line.area }}" fill="{{ line.colour }}" fill-opacity="{{
  box.opacity }}"/>{% endif %}
<path d="{{ line.path }}" fill="none" stroke="{{ line.colour }}" stroke-width="1.3"
  stroke-linejoin="round"/>
{% endfor -%}
{% for name in box.names -%}
<rect x="{{ name.x }}" y="{{ name.y - 6 }}" width="10" height="3" fill="{{ name.colour }}"/>
<text x="{{ name.x + 14 }}" y="{{ name.y }}" fill="#444" font-size="10">{{ name.text }}</text>
{% endfor -%}
{% if not box.lines -%}
<text x="{{ box.width / 2 }}" y="{{ box.height / 2 }}" text-anchor="middle" fill="#999">none</text>
{% endif -%}
{% endif -%}
{% endif -%}
</g>
{% endfor -%}
</svg>
"""


class Span(NamedTuple):
    """The time that is shown, seconds since the epoch."""

    start: float
    end: float


def draw(dashboard: Mapping[str, Any], data: Mapping[int, Sequence[Line]], span: Span) -> str:
    """Draw a dashboard.

    Args:
        dashboard: its file.
        data: the lines of each panel, by its id.
        span: the time that is shown.
    """
    boxes = [_box(panel, data.get(panel["id"], ()), span) for panel in dashboard["panels"]]
    height = max(box["y"] + box["height"] for box in boxes) + _GAP
    picture = Environment(autoescape=True, undefined=StrictUndefined).from_string(_PICTURE)
    width = 24 * _COLUMN + _GAP
    return picture.render(title=dashboard["title"], boxes=boxes, width=width, height=height)


def _box(panel: Mapping[str, Any], lines: Sequence[Line], span: Span) -> dict[str, Any]:
    place = panel["gridPos"]
    box: dict[str, Any] = {
        "kind": panel["type"],
        "title": panel["title"],
        "x": place["x"] * _COLUMN + _GAP,
        "y": place["y"] * _UNIT + _GAP,
        "width": place["w"] * _COLUMN - _GAP,
        "height": place["h"] * _UNIT - _GAP,
    }
    if panel["type"] == "row":
        return box
    defaults = panel["fieldConfig"]["defaults"]
    if panel["type"] == "stat":
        value = lines[0].points[-1][1] if lines else math.nan
        return box | {
            "number": written(value, defaults["unit"]),
            "colour": _colour_of(value, defaults["thresholds"]["steps"]),
        }
    return box | _Chart(box, defaults, lines, span).parts()


def _colour_of(value: float, steps: Sequence[Mapping[str, Any]]) -> str:
    reached = [step for step in steps if step["value"] is None or value >= step["value"]]
    return _STATES[reached[-1]["color"]]


class _Chart:
    """Lines over time in one panel."""

    def __init__(
        self,
        box: Mapping[str, Any],
        defaults: Mapping[str, Any],
        lines: Sequence[Line],
        span: Span,
    ) -> None:
        self._unit = defaults["unit"]
        self._is_stacked = "stacking" in defaults["custom"]
        self._lines = _stacked(lines) if self._is_stacked else list(lines)
        self._span = span
        self._left, self._right = 58, int(box["width"]) - 12
        self._top, self._bottom = 32, int(box["height"]) - 52
        highest = max((value for line in self._lines for _, value in line.points), default=1.0)
        self._step = _round_step(highest / _TICKS)
        self._highest = self._step * max(1, math.ceil(highest / self._step))

    def parts(self) -> dict[str, Any]:
        """What the picture needs."""
        return {
            "left": self._left,
            "right": self._right,
            "bottom": self._bottom,
            "opacity": 0.35 if self._is_stacked else 0.08,
            "ticks": [
                {"y": self._y(value), "name": written(value, self._unit)} for value in self._ticks()
            ],
            "times": list(self._times()),
            # The last of stacked lines is the highest: it goes behind the others.
            "lines": [
                self._line(line, _COLOURS[number % len(_COLOURS)])
                for number, line in reversed(list(enumerate(self._lines)))
            ],
            "names": list(self._names()),
        }

    def _ticks(self) -> list[float]:
        return [self._step * number for number in range(round(self._highest / self._step) + 1)]

    def _times(self) -> list[dict[str, Any]]:
        seconds = self._span.end - self._span.start
        parts = 4
        found = []
        for number in range(parts + 1):
            ago = seconds * (parts - number) / parts
            name = "now" if not ago else f"-{ago / 60:g} min"
            found.append({"x": self._x(self._span.end - ago), "name": name})
        return found

    def _line(self, line: Line, colour: str) -> dict[str, Any]:
        places = [f"{self._x(at)} {self._y(value)}" for at, value in line.points]
        path = "M" + "L".join(places)
        first, last = self._x(line.points[0][0]), self._x(line.points[-1][0])
        area = f"{path}L{last} {self._bottom}L{first} {self._bottom}Z"
        return {"path": path, "area": area, "colour": colour}

    def _names(self) -> list[dict[str, Any]]:
        x, y = self._left - 40, self._bottom + 30
        found = []
        for number, line in enumerate(self._lines[:_MOST_NAMES]):
            width = 26 + 6 * len(line.name)
            if x + width > self._right and x > self._left:
                x, y = self._left - 40, y + 13
            colour = _COLOURS[number % len(_COLOURS)]
            found.append({"x": x, "y": y, "colour": colour, "text": line.name})
            x += width
        return found

    def _x(self, at: float) -> float:
        share = (at - self._span.start) / (self._span.end - self._span.start)
        return round(self._left + share * (self._right - self._left), 1)

    def _y(self, value: float) -> float:
        share = min(1.0, value / self._highest)
        return round(self._bottom - share * (self._bottom - self._top), 1)


def _stacked(lines: Sequence[Line]) -> list[Line]:
    below: dict[float, float] = {}
    found = []
    for line in lines:
        below |= {at: below.get(at, 0.0) + value for at, value in line.points}
        found.append(Line(line.name, [(at, below[at]) for at, _ in line.points]))
    return found


def _round_step(least: float) -> float:
    """The next of 1, 2 and 5 with some zeros."""
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= least * 0.999)


def written(value: float, unit: str) -> str:
    """A value as a panel of this unit writes it."""
    if math.isnan(value):
        return "?"
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s":
        factor, name = next((factor, name) for least, factor, name in _SHORT if value >= least)
        return "0" if not value else f"{value * factor:.3g} {name}"
    for size, name in _THOUSANDS:
        if value >= size:
            return f"{value / size:.3g} {name}" + ("B" if unit == "bytes" else "")
    return f"{value:.3g}"
