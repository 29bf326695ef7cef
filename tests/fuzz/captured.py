"""The captured traffic, in parts."""

from functools import cache

import orjson

from profiler.demo.sample import read_sample


@cache
def captured() -> list[tuple[int, list[tuple[bytes, list[bytes]]]]]:
    """Time, and elements by section, of the records of the sample."""
    return [
        (
            record.timestamp,
            [
                (orjson.dumps(section), [orjson.dumps(element) for element in elements])
                for section, elements in orjson.loads(record.value).items()
            ],
        )
        for record in read_sample()
    ]
