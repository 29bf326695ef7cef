"""What a worker logs: JSON lines or lines to read, every change of state, and no data."""

import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.conftest import MakeStore
from tests.integration.conftest import Deploy
from tests.integration.fault_events import VISITORS, bad_records, page_views
from tests.integration.pipeline_runs import Deployment
from tests.integration.programs import PATIENCE_S, clean_environment

UNTOLD = "not-for-the-log"
SUMMED_UP = ("read", "profiled", "rejected", "late", "repeated", "replayed", "anonymous")


def assert_no_data_in(text: str) -> None:
    """Keys, visitor ids, visit ids, pages, event ids and values of bad records are data."""
    for data in (*VISITORS, "visit of", "page 1", "event 1", "not JSON", UNTOLD):
        assert data not in text


def ranges_of(batches: list[dict[str, Any]]) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for batch in batches:
        assert batch["partitions"] == len(batch["offsets"])
        for name, (first, last) in batch["offsets"].items():
            found.setdefault(name, []).append((first, last))
    return found


def test_each_batch_is_a_line_at_debug(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url)
    deployment.produce([*page_views(0, 200), *bad_records(50)])
    with deployment.start("run", "--log-level=debug", BATCH__MAX_RECORDS="20") as run:
        run.wait_for(deployment.is_done)
        run.stop()
        batches = run.events("batch")
        assert_no_data_in(run.output)
    assert sum(batch["records"] for batch in batches) == 250
    assert sum(batch["rejected"] for batch in batches) == 50
    assert all(batch["ms"] > 0 and batch["level"] == "debug" for batch in batches)
    # Offset after offset, and nothing else.
    expected = {
        f"{deployment.topics['processed']}-{number}": end
        for number, end in deployment.ends("processed").items()
        if end
    }
    found = ranges_of(batches)
    assert {name: ranges[-1][1] + 1 for name, ranges in found.items()} == expected
    for ranges in found.values():
        firsts = [first for first, _ in ranges]
        assert firsts == [0, *(last + 1 for _, last in ranges[:-1])]


def test_a_summary_comes_every_ten_seconds_and_counts(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url)
    repeated, bad = page_views(0, 20), bad_records(10)
    deployment.produce([*page_views(0, 100), *repeated, *bad])
    with deployment.start("run") as run:
        run.wait_for_event("summary", times=2)
        first, second = run.events("summary")[:2]
        run.stop()
        assert not run.events("batch")
        assert_no_data_in(run.output)
    assert {"per_second", "lag", *SUMMED_UP} <= first.keys()
    assert (first["read"], first["profiled"], first["rejected"]) == (130, 120, 10)
    assert (first["repeated"], first["late"], first["lag"]) == (20, 0, 0)
    assert 0 < first["per_second"] <= 13
    assert (second["read"], second["per_second"]) == (130, 0)


def test_every_change_of_state_is_a_line(private_store: MakeStore, deploy: Deploy) -> None:
    server = private_store("redis7", options=["--requirepass", UNTOLD])
    deployment = deploy(server.url.replace("//", f"//:{UNTOLD}@"))
    with deployment.start("run", REDIS__SOCKET_TIMEOUT_S="0.5") as run:
        deployment.produce(page_views(0, 100))
        run.wait_for(deployment.is_done)
        server.stop()
        deployment.produce(page_views(100, 100))
        run.wait_for_event("redis is unwell, trying again", times=2)
        server.start()
        run.wait_for(deployment.is_done)
        with deployment.start("run") as other:
            other.wait_for(lambda: other.owned() > 0)
            run.wait_for_event("revoked")
            other.stop()
        run.wait_for(lambda: run.owned() == deployment.partitions)
        run.stop()
        output, lines = run.output, run.lines()

    assert_no_data_in(output)
    assert len(lines) == len(output.splitlines())
    assert all({"event", "level", "logger", "timestamp"} <= line.keys() for line in lines)
    names = [line["event"] for line in lines if line["logger"].startswith("profiler")]
    unwell = names.index("redis is unwell, trying again")
    assert names[:3] == ["starting", "joining", "assigned"]
    assert names[unwell + 1] == "paused"
    assert names.index("redis is well again") < names.index("resumed") < names.index("revoked")
    assert names[-3:] == ["stopping", "stopped", "disconnected"]
    by_name = {line["event"]: line for line in reversed(lines)}
    assert f"127.0.0.1:{server.port}" in by_name["redis is unwell, trying again"]["error"]
    assert by_name["paused"]["reason"] == by_name["redis is unwell, trying again"]["error"]
    topic = deployment.topics["processed"]
    everything = [f"{topic}-{number}" for number in range(deployment.partitions)]
    assert by_name["assigned"]["names"] == everything
    assert set(by_name["revoked"]["names"]) < set(everything)
    assert by_name["stopped"]["read"] == 200


def test_the_last_commit_is_told_with_its_offsets(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url, partitions=1)
    told = 0
    for number in range(5):  # whether a batch is under way at the signal is up to chance
        with deployment.start("run", BATCH__MAX_RECORDS="20") as run:
            deployment.produce(page_views(1_000 * number, 1_000))
            run.wait_for_event("assigned")
            run.stop()
            for line in run.events("committed"):
                told += 1
                name = f"{deployment.topics['processed']}-0"
                assert line["offsets"] == {name: deployment.committed()[0]}
    assert told > 0


def on_terminal(deployment: Deployment, directory: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start `profiler run` with a terminal as its stderr; returns its other side too."""
    ours, theirs = pty.openpty()
    environment = {
        "PROFILER_REDIS__URL": deployment.redis_url,
        "PROFILER_RULES": str(deployment.rules),
        "PROFILER_GROUPS__RUN": deployment.groups["run"],
        "PROFILER_KAFKA__BOOTSTRAP_SERVERS": deployment.bootstrap_servers,
    } | {f"PROFILER_TOPICS__{name}".upper(): topic for name, topic in deployment.topics.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "profiler", "run"],
        cwd=directory,
        env=clean_environment(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    return process, ours


def test_on_a_terminal_lines_are_for_people(
    private_store: MakeStore, deploy: Deploy, tmp_path: Path
) -> None:
    deployment = deploy(private_store("redis7").url)
    process, terminal = on_terminal(deployment, tmp_path)
    seen, is_told = "", False
    try:
        with suppress(OSError):  # how a terminal says that the other side is closed
            while text := os.read(terminal, 4_096).decode():
                seen += text
                if "assigned" in seen and not is_told:
                    is_told = True
                    process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        os.close(terminal)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", seen)
    [assigned] = [line for line in plain.splitlines() if "assigned" in line]
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z \[info *\] assigned ", assigned)
    assert "partitions=3" in assigned
    assert "[profiler.worker]" in assigned
    for line in plain.splitlines():
        assert not line.startswith("{")
