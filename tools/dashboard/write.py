"""The dashboard's panels as Grafana reads them."""

import json
from itertools import accumulate
from typing import Any

from tools.dashboard.panels import ROWS, Panel

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_HEIGHTS = {"stat": 4, "timeseries": 8}
_GREEN, _AMBER, _RED = "green", "orange", "red"


def dashboard() -> str:
    """Return the text of the file."""
    document = {
        "uid": "visitor-profiler",
        "title": "Visitor profiler",
        "description": "Workers of the visitor profiler; docs/monitoring.md explains it.",
        "tags": ["kafka", "redis"],
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "editable": True,
        "graphTooltip": 1,
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                {
                    "name": "instance",
                    "label": "Process",
                    "type": "query",
                    "datasource": _SOURCE,
                    "query": {"query": "label_values(profiler_info, instance)", "refId": "A"},
                    "refresh": 2,
                    "multi": True,
                    "includeAll": True,
                    "allValue": ".*",
                    "current": {"text": "All", "value": "$__all"},
                },
            ]
        },
        "panels": list(_panels()),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    top = 0
    for title, panels in ROWS.items():
        place = {"h": 1, "w": 24, "x": 0, "y": top}
        found.append({"type": "row", "title": title, "gridPos": place, "panels": []})
        top += 1
        ends = list(accumulate(panel.width for panel in panels))
        for panel, end in zip(panels, ends, strict=True):
            line, right = divmod(end - 1, 24)
            height = _HEIGHTS[panel.kind]
            left = right + 1 - panel.width
            place = {"h": height, "w": panel.width, "x": left, "y": top + line * height}
            found.append(_panel(panel, place))
        top += _HEIGHTS[panels[0].kind] * (-(-ends[-1] // 24))
    for number, each in enumerate(found, 1):
        each["id"] = number
    return found


def _panel(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    custom: dict[str, Any] = {}
    if panel.kind == "timeseries":
        custom = {"lineWidth": 1, "fillOpacity": 10, "showPoints": "never"}
        if panel.is_stacked:
            custom |= {"stacking": {"mode": "normal"}, "fillOpacity": 40}
    steps: list[dict[str, Any]] = [{"color": _GREEN, "value": None}]
    if panel.limits:
        amber, red = panel.limits
        if amber < red:
            steps.append({"color": _AMBER, "value": amber})
        steps.append({"color": _RED, "value": red})
    options: dict[str, Any] = {"legend": {"displayMode": "list", "placement": "bottom"}}
    if panel.kind == "stat":
        options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.meaning,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "custom": custom,
                "thresholds": {"mode": "absolute", "steps": steps},
            },
            "overrides": [],
        },
        "options": options,
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "datasource": _SOURCE,
            }
            for number, query in enumerate(panel.queries)
        ],
    }
