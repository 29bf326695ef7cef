"""Draws the dashboard from a real pipeline, without Grafana.

    python -m tools.dashboard [--minutes 5] [--output docs/images/dashboard.svg]

Starts Kafka, Redis, two workers and Prometheus, lets traffic through, and asks Prometheus every
query of ``deploy/grafana/dashboard.json``. One that finds nothing is named, and the exit code is 1.
"""

import argparse
import json
import sys
import threading
import time
from pathlib import Path

from tools.dashboard.data import lines_of
from tools.dashboard.draw import Span, draw
from tools.dashboard.site import site

ROOT = Path(__file__).parent.parent.parent
FILE = ROOT / "deploy" / "grafana" / "dashboard.json"

_POINTS = 150


def main() -> int:
    """Run, ask and draw; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images" / "dashboard.svg")
    options = parser.parse_args()
    dashboard = json.loads(FILE.read_text("utf-8"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    seconds = 60 * options.minutes
    with site() as (prometheus, traffic, store):
        # A Redis without memory for some seconds, so that there is something to see.
        faults = [
            threading.Timer(0.6 * seconds, store.config_set, ("maxmemory", 1)),
            threading.Timer(0.6 * seconds + 12, store.config_set, ("maxmemory", 0)),
        ]
        for fault in faults:
            fault.start()
        traffic.run(seconds)
        span = Span(time.time() - seconds, time.time())
        step_s = seconds / _POINTS
        data = {
            panel["id"]: lines_of(
                panel, prometheus.ask, start=span.start, end=span.end, step_s=step_s
            )
            for panel in panels
        }
    options.output.write_text(draw(dashboard, data, span), "utf-8")
    print(f"wrote {options.output}")
    empty = [panel["title"] for panel in panels if not data[panel["id"]]]
    for title in empty:
        print(f"nothing to show: {title}")
    return 1 if empty else 0


if __name__ == "__main__":
    sys.exit(main())
