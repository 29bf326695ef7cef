"""Several workers at once on the same visitors, whose visits are found by time."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

from profiler.records.types import OUTPUT_PREFIX
from tests.conftest import MakeStore
from tests.integration.pipe_runs import T0, Json, pipe
from tests.lua.gap_web_log import COMPARED, taken_of
from tests.oracles.gap_visits import visits_of

RULES = Path(__file__).parent.parent / "lua" / "outside" / "web-log-gaps.toml"
MINUTE = 60_000
WORKERS = 3


def requests() -> list[dict[str, Any]]:
    """Those of four visitors in two days, in no order: many of them bridge visits."""
    draw = Random("gap visits")
    return [
        {
            "log-visitor": f"v{number % 4}",
            "log-time_ms": T0 + 7 * MINUTE * draw.randrange(400),
            "log-path": draw.choice("abcdef"),
            "log-bytes": draw.randrange(1_000),
            "log-line": number,
        }
        for number in range(300)
    ]


def profiles(share: list[dict[str, Any]], url: str) -> list[Json]:
    """What a worker of its own answers to each."""
    lines = [json.dumps({"timestamp": T0 + 10**9, "value": each}) for each in share]
    options = ("--input", "flattened", "--redis", url, "--rules", str(RULES))
    found, errors = pipe("\n".join(lines).encode(), *options)
    assert (len(found), errors) == (len(share), [])
    return [each["value"] for each in found]


def test_workers_side_by_side_come_to_the_visits_of_sorting(private_store: MakeStore) -> None:
    url, sent = private_store("redis7").url, requests()
    # Each has a part, and the last one has events of the others, too.
    shares = [*(sent[n::WORKERS] for n in range(WORKERS)), Random(1).sample(sent, 150)]
    with ThreadPoolExecutor(len(shares)) as workers:
        told = [each for share in workers.map(lambda s: profiles(s, url), shares) for each in share]
    assert any(each["profile_visit_merged"] for each in told)

    expected = visits_of(map(taken_of, sent))
    for request, value in zip(sent, profiles(sent, url), strict=True):
        assert value["profile_repeated"]
        shown = {name: value[OUTPUT_PREFIX + ours] for ours, name in COMPARED.items()}
        assert shown == expected[request["log-visitor"], request["log-time_ms"]]
