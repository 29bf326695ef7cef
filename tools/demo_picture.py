"""Draws the README's picture: the screen of `profiler demo` at its end, and a profile.

    python -m tools.demo_picture

The sample goes through the pipeline and a store of its own, without Kafka, so that the picture is
the same every time.
"""

import io
from pathlib import Path

from rich.console import Console

from profiler.config.settings import Settings
from profiler.demo.profiles import pick, profile_panel
from profiler.demo.rate import Rate
from profiler.demo.sample import read_sample
from profiler.demo.tally import Tally
from profiler.demo.view import Snapshot, screen
from profiler.engine import PythonEngine, process
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import Record
from profiler.rules.model import load_rules
from profiler.rules.shown import names_of
from profiler.servers.embedded import EmbeddedStore

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "demo.svg"

_WIDTH = 100
_VISIT_ROWS = 8
_DURATION_S = 9.2
_BATCH = 25


def main() -> None:
    """Write the picture."""
    settings = Settings()
    rules = load_rules(settings.rules)
    names = names_of(rules)
    topic = settings.topics.processed
    records = [
        Record(topic, 0, offset, record.timestamp, record.key, record.value, ())
        for offset, record in enumerate(read_sample())
    ]
    tally = Tally(names, rejected_topic=settings.topics.rejected)
    now = 0.0
    rate = Rate(lambda: now)
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), highlight=False)
    with EmbeddedStore() as store:
        script = ProfileScript(connect(store.url), rules)
        script.register()
        engine = PythonEngine("run", settings, script)
        for start in range(0, len(records), _BATCH):
            batch = records[start : start + _BATCH]
            ends = [
                output
                for output in process(engine, script, batch, stream="demo").outputs
                if output.topic != settings.topics.flattened
            ]
            for offset, (ended_in, key, value, headers, timestamp) in enumerate(ends, start):
                tally.add(Record(ended_in, 0, offset, timestamp, key, value, headers))
            rate.add(len(batch))
            now += _DURATION_S * len(batch) / len(records)
        snapshot = Snapshot(tally, rate, len(records), _DURATION_S)
        console.print(screen(snapshot, rows=_VISIT_ROWS))
        chosen = pick(tally)[0]
        stored = script.read(chosen.visitor_id) or {}
        console.print(profile_panel(chosen, stored, tally.visitors[chosen.visitor_id], names))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(console.export_svg(title="make demo", unique_id="demo"), encoding="utf-8")
    print(PICTURE.relative_to(Path.cwd()) if PICTURE.is_relative_to(Path.cwd()) else PICTURE)


if __name__ == "__main__":
    main()
