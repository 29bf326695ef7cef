"""`profiler pipe` as a program: lines in, lines out, nothing but Redis needed."""

import json
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
import redis

from profiler.demo.sample import read_sample
from profiler.records.flatten import decode_processed
from profiler.records.json_objects import Limits
from tests.conftest import MakeStore
from tests.integration.commands import run_command
from tests.integration.pipe_runs import DAY_MS, T0, command, line, lines_of, pipe
from tests.integration.pipeline_runs import rules_file, stored_profile
from tests.integration.programs import PATIENCE_S, clean_environment


@pytest.fixture
def open_pipe() -> Iterator[subprocess.Popen[bytes]]:
    """A pipe that runs, and waits for lines."""
    process = subprocess.Popen(
        command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment({}),
    )
    with process:
        yield process
        process.kill()


def ends_of(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdin, process.stdout, process.stderr


def test_sample_traffic_keeps_its_order_and_gets_profiles() -> None:
    sample = list(read_sample())[:700]
    text = b"".join(
        b'{"key": %b, "value": %b, "timestamp": %d}\n'
        % (json.dumps(key and key.decode()).encode(), value, timestamp)
        for key, value, timestamp in sample
    )
    found, errors = pipe(text)
    assert errors == []
    assert len(found) == len(sample)
    for (key, value, _), output in zip(sample, found, strict=True):
        assert output.keys() == {"key", "value"}
        assert output["key"] == (key and key.decode())
        flat = decode_processed(value, Limits())
        assert output["value"] | flat == output["value"]
        visitor = flat.get("query-other_domain_userid")
        assert output["value"].get("profile_visitor_id") == visitor


def test_key_and_timestamp_are_optional() -> None:
    """The record's timestamp orders these, as they have no time of their own."""
    first, second, third = (
        line("v", 1, key="k", timestamp=T0 + 2_000),
        line("v", 2, timestamp=T0 + 1_000),
        line("v", 3, key=None).rstrip(),
    )
    found, errors = pipe(first + b"\n" + second + b"  \r\n" + third)
    assert errors == []
    assert [output["key"] for output in found] == ["k", None, None]
    values = [output["value"] for output in found]
    assert [value["profile_visitor_events"] for value in values] == [1, 2, 3]
    assert [value["profile_visitor_first_page"] for value in values] == ["page 1"] + 2 * ["page 2"]
    assert values[2]["profile_visitor_last_page"] == "page 3"
    assert values[2]["profile_visitor_last_seen"] > T0 + DAY_MS
    assert [value["profile_time_corrected"] for value in values] == [False, False, True]


def test_flattened_input_gives_what_processed_input_gives() -> None:
    processed = b"".join(line("v", number, timestamp=T0 + number) for number in range(3))
    flattened = b"".join(
        b'{"value": %b, "timestamp": %d}\n'
        % (
            json.dumps(decode_processed(json.dumps(one["value"]).encode(), Limits())).encode(),
            T0 + number,
        )
        for number, one in enumerate(lines_of(processed))
    )
    assert pipe(flattened, "--input", "flattened") == pipe(processed)


def test_rejected_lines_are_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    bad = {
        1: (b"no JSON\n", "bad_json"),
        3: (b'{"key": "k"}\n', "bad_line"),
        4: (b'{"value": 1}\n', "not_an_object"),
        5: (line("v", 1, key=7), "bad_line"),
        7: (line("v", 1, timestamp="now"), "bad_line"),
        8: (b'{"value": {"query": 1}}\n', "bad_shape"),
        9: (b'{"value": {"query": [{"name": "other_domain_userid", "value": []}]}}\n', "bad_id"),
    }
    text = b"".join(
        bad[number][0] if number in bad else line("v", number, timestamp=T0 + number)
        for number in range(1, 11)
    )
    rejects = tmp_path / "rejects.ndjson"
    found, errors = pipe(text, "--rejects", str(rejects))
    assert [output["value"]["profile_visitor_last_page"] for output in found] == [
        f"page {number}" for number in (2, 6, 10)
    ]
    assert {error["line"]: error["code"] for error in errors} == {
        number: code for number, (_, code) in bad.items()
    }
    assert all(error["reason"] for error in errors)
    assert lines_of(rejects.read_bytes()) == errors


def test_what_triggers_fire_is_written_to_a_file(tmp_path: Path) -> None:
    rules, told = rules_file(tmp_path, "standard", "triggers:"), tmp_path / "told.ndjson"
    with rules.open("a") as file:
        file.write('[[triggers]]\nname = "reader"\nscope = "visit"\n')
        file.write('when = [{ field = "visit_pageviews", ">" = 1 }]\n')
    text = b"".join(line("v", number, key="k", timestamp=T0 + number) for number in range(3))
    found, errors = pipe(text, "--rules", str(rules), "--triggers", str(told))
    assert (len(found), errors) == (3, [])
    [record] = lines_of(told.read_bytes())
    assert record["key"] == "k"
    value = record["value"]
    assert (value["trigger"], value["state"], value["time"]) == ("reader", "fired", T0 + 1)
    assert value["profile_visit_pageviews"] == found[1]["value"]["profile_visit_pageviews"] == 2


def test_rules_are_a_preset_or_a_file(tmp_path: Path) -> None:
    text = line("v", 1) + line("v", 2)
    by_preset, _ = pipe(text, "--rules", "article")
    by_file, _ = pipe(text, "--rules", str(rules_file(tmp_path, "article", "other:")))
    assert by_preset == by_file
    profile = {k: v for k, v in by_preset[1]["value"].items() if k.startswith("profile_")}
    assert profile == {
        "profile_visitor_id": "v",
        "profile_visit_id": "visit of v",
        "profile_visitor_first_page": "page 1",
        "profile_visitor_last_page": "page 2",
        "profile_visit_first_page": "page 1",
        "profile_visit_last_page": "page 2",
    }


def test_a_given_redis_keeps_profiles_and_an_embedded_one_does_not(
    private_store: MakeStore,
) -> None:
    server = private_store("redis7")
    for events in (1, 2):
        [output], _ = pipe(line("v", events), "--redis", server.url)
        assert output["value"]["profile_visitor_events"] == events
    assert stored_profile(server.url, "visitor:", "v")["visitor_events"] == "2"
    [output], _ = pipe(line("v", 3))
    assert output["value"]["profile_visitor_events"] == 1
    with redis.Redis.from_url(server.url) as client:
        assert client.keys() == [b"visitor:{v}"]


def test_a_configured_redis_counts_until_an_own_one_is_asked_for(
    private_store: MakeStore, tmp_path: Path
) -> None:
    server = private_store("redis7")
    configured = [("PROFILER_REDIS__URL", server.url)]
    file = tmp_path / "own.toml"
    file.write_text(f'[redis]\nurl = "{server.url}"\n')

    [output], _ = pipe(line("v", 1), settings=configured)
    assert output["value"]["profile_visitor_events"] == 1
    [output], _ = pipe(line("v", 2), "--config", str(file))
    assert output["value"]["profile_visitor_events"] == 2
    [output], _ = pipe(line("v", 3), "--own-redis", settings=configured)
    assert output["value"]["profile_visitor_events"] == 1
    assert stored_profile(server.url, "visitor:", "v")["visitor_events"] == "2"


def test_an_own_redis_and_another_one_contradict() -> None:
    done = run_command(["pipe", "--own-redis", "--redis", "redis://127.0.0.1:1"])
    assert done.code == 2
    assert "--redis, and not both" in done.errors


@pytest.mark.parametrize("text", [b"", b"\n \n"], ids=["nothing", "blank"])
def test_no_input_is_no_output(text: bytes) -> None:
    assert pipe(text) == ([], [])


def test_long_lines_pass_or_are_refused() -> None:
    big = json.dumps({"query": [{"name": "text", "value": "x" * 700_000}]}).encode()
    passes = b'{"value": ' + b" " * 500_000 + big + b"}\n"
    refused = passes.replace(b"xxxxx", b"yyyyyyyy")
    found, errors = pipe(passes + refused + passes)
    assert len(passes) > 1 << 20
    assert [output["value"] for output in found] == 2 * [{"query-text": "x" * 700_000}]
    assert [(error["line"], error["code"]) for error in errors] == [(2, "too_large")]


def test_a_slow_producer_gets_each_answer_at_once(open_pipe: subprocess.Popen[bytes]) -> None:
    given, taken, errors = ends_of(open_pipe)
    for number in range(3):
        for piece in (line("v", number)[:40], line("v", number)[40:]):
            given.write(piece)
            given.flush()
        assert select.select([taken], [], [], PATIENCE_S)[0], "no answer"
        assert json.loads(taken.readline())["value"]["profile_visitor_events"] == number + 1
    given.write(b"no JSON\n")
    given.flush()
    assert select.select([errors], [], [], PATIENCE_S)[0], "no report"
    assert json.loads(errors.readline())["line"] == 4
    given.close()
    assert open_pipe.wait(PATIENCE_S) == 0
    assert (taken.read(), errors.read()) == (b"", b"")


def test_a_reader_that_goes_away_ends_it_without_a_traceback(
    open_pipe: subprocess.Popen[bytes],
) -> None:
    given, taken, errors = ends_of(open_pipe)
    given.write(line("v", 1))
    given.flush()
    assert json.loads(taken.readline())
    taken.close()
    given.write(line("v", 2))
    given.close()
    assert open_pipe.wait(PATIENCE_S) == 1
    assert errors.read() == b""
