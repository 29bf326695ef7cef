"""The demo's shop: three pages, the genuine Snowplow browser tracker, and a small collector.

Demo code: it listens on loopback only, and checks nothing of what a browser sends. A collector
for visitors is Snowplow's own.
"""

from pathlib import Path

#: What the shop wants to know of its visitors.
RULES = Path(__file__).parent / "rules.toml"
