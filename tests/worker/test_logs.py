"""What a worker logs: JSON lines or lines to read, every change of state, and no data."""

from typing import Any

from profiler.kafka.memory import MemoryConsumer
from tests.conftest import MakeStore
from tests.integration.fault_events import VISITORS, bad_records, page_views
from tests.worker.conftest import Deploy

UNTOLD = "not-for-the-log"


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
    with deployment.start("run", log_level="debug", BATCH__MAX_RECORDS="20") as run:
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


def test_every_change_of_state_is_a_line(private_store: MakeStore, deploy: Deploy) -> None:
    server = private_store("redis7", options=["--appendonly", "yes", "--requirepass", UNTOLD])
    deployment = deploy(server.url.replace("//", f"//:{UNTOLD}@"))
    topic = deployment.topics["processed"]
    with deployment.start("run", REDIS__SOCKET_TIMEOUT_S="0.5") as run:
        deployment.produce(page_views(0, 100))
        run.wait_for(deployment.is_done)
        server.stop()
        deployment.produce(page_views(100, 100))
        run.wait_for_event("redis is unwell, trying again", times=2)
        server.start()
        run.wait_for(deployment.is_done)
        other = MemoryConsumer(deployment.broker, topics=[topic], group=deployment.groups["run"])
        while not other.assignment:
            other.poll(timeout_ms=100, max_records=1)
        other.close()
        run.wait_for_event("revoked")
        run.wait_for(lambda: run.events("assigned")[-1]["partitions"] == deployment.partitions)
        run.stop()
        output, lines = run.output, run.lines()

    assert_no_data_in(output)
    assert len(lines) == len(output.splitlines())
    assert all({"event", "level", "logger", "timestamp"} <= line.keys() for line in lines)
    names = [line["event"] for line in lines if line["logger"].startswith("profiler")]
    unwell = names.index("redis is unwell, trying again")
    assert names[:2] == ["streams", "assigned"]
    assert names[unwell + 1] == "paused"
    assert names.index("redis is well again") < names.index("resumed") < names.index("revoked")
    assert names[-1] == "stopped"
    by_name = {line["event"]: line for line in reversed(lines)}
    assert f"127.0.0.1:{server.port}" in by_name["redis is unwell, trying again"]["error"]
    assert by_name["paused"]["reason"] == by_name["redis is unwell, trying again"]["error"]
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
