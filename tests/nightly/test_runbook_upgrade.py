"""docs/runbooks/upgrade-and-rollback.md, its commands run as they stand there; `-s` prints them."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import profiler
from profiler.servers.processes import wait_until
from tests.integration.fault_events import VISITORS, page_views
from tests.integration.programs import Program
from tests.nightly.runbooks import Site, events, outputs, site

GROUP = "kafka-consumer-groups.sh --bootstrap-server kafka:9092"
ONE = len(VISITORS)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Site]:
    with site("upgrade-and-rollback", tmp_path) as found:
        yield found


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The tree of another version of the program: this one, with another number."""
    folder = tmp_path / "later"
    ours = Path(profiler.__file__).parent
    shutil.copytree(ours, folder / "profiler", ignore=shutil.ignore_patterns("__pycache__"))
    init = folder / "profiler" / "__init__.py"
    init.write_text(init.read_text("utf-8").replace(profiler.__version__, "9.9.9"))
    return folder


def test_one_after_the_other_and_back(there: Site, later: Path) -> None:
    there.run("profiler lua contract > old.json")
    with there.as_program(later):
        assert there.ask("profiler --version") == "profiler 9.9.9\n"
        compared = there.run("profiler lua contract --compatible-with old.json")
    assert compared.startswith("compatible: ")

    produced = 0

    def work(*workers: Program) -> None:
        nonlocal produced
        there.produce(page_views(produced, 10 * ONE))
        produced += 10 * ONE
        workers[0].wait_for(there.is_done)

    with ExitStack() as stack:

        def start(number: int, tree: Path | None = None) -> Program:
            program = [sys.executable, "-m", "profiler"] if tree else None
            settings = {"PYTHONPATH": str(tree)} if tree else {}
            address = there.address(number)
            flags = ("--metrics", address)
            started = stack.enter_context(
                there.worker(number, *flags, program=program, settings=settings)
            )
            started.wait_for(lambda: started.owned() > 0)
            return started

        def told(number: int) -> str:
            address = there.address(number)
            return there.run(
                f"curl -s {address}/metrics | grep ^profiler_info",
                written="curl -s localhost:9090/metrics | grep ^profiler_info",
            )

        workers = [
            stack.enter_context(there.worker(n, "--metrics", there.address(n))) for n in (0, 1)
        ]
        workers[0].wait_for(
            lambda: all(w.owned() for w in workers) and sum(w.owned() for w in workers) == 3
        )
        work(*workers)
        for tree in (later, None):
            for number in (0, 1):
                workers[number].stop()
                workers[number] = start(number, tree)
                assert ('version="9.9.9"' in told(number)) == (tree is later)
                work(*workers)
        for worker in workers:
            worker.stop()
    assert outputs(there) == produced
    assert events(there) == produced // ONE


def test_back_by_the_backup(there: Site) -> None:
    there.produce(page_views(0, 10 * ONE))
    with there.worker() as worker:
        worker.wait_for(there.is_done)
        worker.stop()
    there.run("redis-cli save")
    backup = there.redis.directory / "dump.rdb"
    kept = backup.read_bytes()
    export = (
        f"{GROUP} --group visitor_profiler --reset-offsets --to-current --all-topics --export"
        " --dry-run > offsets.csv"
    )
    assert "the current state is Stable" in there.ask(f"{export}; cat offsets.csv")
    assert wait_until(lambda: "Error" not in there.ask(f"{export}; cat offsets.csv"), timeout=60)
    there.run(export)
    there.produce(page_views(10 * ONE, 10 * ONE))
    with there.worker() as worker:
        worker.wait_for(there.is_done)
        worker.stop()
    assert events(there) == 20

    there.restore(kept)
    assert events(there) == 10
    execute = f"{GROUP} --group visitor_profiler --reset-offsets --from-file offsets.csv --execute"
    assert wait_until(lambda: "Error" not in there.ask(execute), timeout=60)
    there.run(execute)
    with there.worker() as worker:
        worker.wait_for(there.is_done)
        assert worker.stop()["read"] == 10 * ONE
    assert events(there) == 20
