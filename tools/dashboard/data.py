"""The data of a dashboard's panels: its own queries, asked of a Prometheus."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

#: What Grafana would fill in.
_VARIABLES = {"$__rate_interval": "20s", "$instance": ".*"}


class Line(NamedTuple):
    """One line of a panel.

    Attributes:
        name: its legend.
        points: times and values.
    """

    name: str
    points: list[tuple[float, float]]


Ask = Callable[..., Any]


def lines_of(
    panel: Mapping[str, Any], ask: Ask, *, start: float, end: float, step_s: float
) -> list[Line]:
    """Ask a panel's queries.

    Args:
        panel: as it stands in the dashboard's file.
        ask: calls Prometheus' API.
        start: of the time that is shown, seconds since the epoch.
        end: likewise.
        step_s: between two points.
    """
    found: list[Line] = []
    for target in panel["targets"]:
        answer = ask("query_range", query=filled(target["expr"]), start=start, end=end, step=step_s)
        for series in answer["result"]:
            points = [(at, float(value)) for at, value in series["values"] if value != "NaN"]
            if points:
                found.append(Line(_legend(target["legendFormat"], series["metric"]), points))
    return found


def filled(expr: str) -> str:
    """The query with Grafana's variables filled in."""
    for name, value in _VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def _legend(form: str, labels: Mapping[str, str]) -> str:
    if form == "__auto":
        return ""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), form).strip()
