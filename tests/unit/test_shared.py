"""One server for all processes; threads stand for them here, as each opens the locks anew."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pytest

from tests.shared import shared


class Servers:
    """Counts starts and ends, and gives each server an address."""

    def __init__(self) -> None:
        self.started = self.ended = 0

    def start(self, stack: ExitStack) -> str:
        """Do what the first user does."""
        self.started += 1
        stack.callback(self._end)
        return f"server {self.started}"

    def _end(self) -> None:
        self.ended += 1


def test_the_first_starts_it_and_ends_it_after_the_last(tmp_path: Path) -> None:
    servers, first_may_go = Servers(), Event()

    def first() -> None:
        with shared(tmp_path, "it", servers.start):
            first_may_go.wait(10)

    with ThreadPoolExecutor() as pool:
        running = pool.submit(first)
        while not (tmp_path / "it.address").exists():
            assert not running.done()
        with shared(tmp_path, "it", servers.start) as address:
            assert address == "server 1"
            first_may_go.set()
            while (tmp_path / "it.address").exists():
                assert not running.done()
            # Who comes now must not be given one that is about to end.
            with shared(tmp_path, "it", servers.start) as another:
                assert another == "server 2"
                assert (servers.started, servers.ended) == (2, 0)
            assert not running.done()
        running.result(10)
    assert (servers.started, servers.ended) == (2, 2)


def test_a_start_that_fails_is_tried_again_by_the_next(tmp_path: Path) -> None:
    servers = Servers()

    def fail(stack: ExitStack) -> str:
        servers.start(stack)
        raise OSError

    with pytest.raises(OSError), shared(tmp_path, "it", fail):  # noqa: PT011 - ours
        pass
    with shared(tmp_path, "it", servers.start) as address:
        assert address == "server 2"
    assert (servers.started, servers.ended) == (2, 2)
