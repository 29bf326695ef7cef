"""One Redis that dies, forgets, is slow, and refuses."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import redis

from profiler.servers.processes import wait_until
from tests.chaos.stores import OneStore
from tests.chaos.worker import REFUSED
from tests.integration.stops import suspended

if TYPE_CHECKING:
    from tests.chaos.site import Site

UNWELL = "redis is unwell, trying again"

#: A script that is asked to end ends at once, as soon as it has begun.
_KILL_S = 10.0


def one(site: Site) -> OneStore:
    """The row's single server."""
    assert isinstance(site.stores, OneStore)
    return site.stores


def cut(site: Site) -> None:
    """All connections to Redis are reset, at random moments."""
    for _ in site.times(10):
        site.pause(0.1, 1.0)
        one(site).proxy.cut()
        site.faults += 1


def delay(site: Site) -> None:
    """What Redis is asked and answers is late, up to beyond the worker's patience."""
    proxy = one(site).proxy
    for _ in site.times(5):
        proxy.requests.delay_s = site.chance.uniform(0.0, 0.4)
        proxy.replies.delay_s = site.chance.uniform(0.0, 0.4)
        site.faults += 1
        site.pause(0.5, 2.0)
    proxy.heal()


def swallow_replies(site: Site) -> None:
    """Redis does what it is asked, and its answer never arrives."""
    proxy = one(site).proxy
    for _ in site.times(6):
        site.pause(0.2, 1.0)
        proxy.swallow(proxy.replies)
        site.faults += 1
        site.pause(0.6, 1.5)
        proxy.heal()


def kill(site: Site) -> None:
    """SIGKILL of Redis with an append-only file, which has all that it acknowledged."""
    for _ in site.times(4):
        site.pause(0.3, 1.5)
        one(site).server.kill()
        site.faults += 1
        site.pause(0.1, 0.5)
        one(site).server.start()
        site.await_commits(50)


def lose_a_second(site: Site) -> None:
    """SIGKILL of Redis, and its append-only file misses the last second, as after a power cut."""
    # A file that has nothing at all of a partition looks like a Redis that was emptied.
    site.await_commits(400)
    for _ in site.times(3):
        site.pause(0.5, 1.5)
        file = one(site).log_file
        size = file.stat().st_size
        time.sleep(1.0)
        one(site).server.kill()
        os.truncate(file, size)
        site.faults += 1
        one(site).server.start()
        site.await_commits(100)


def empty(site: Site) -> None:
    """Redis comes back without anything: the worker must stop, and name the choices."""
    _come_back_empty(site)
    # A restart does not make it go on.
    before = site.committed()
    site.await_codes(REFUSED, times=3)
    assert site.committed() == before, "a worker went on without the profiles"
    (worker,) = site.crew.workers
    assert "--accept-lost-state" in worker.last_output()


def rebuild(site: Site) -> None:
    """Redis comes back without anything, and `profiler replay` builds it anew."""
    _come_back_empty(site)
    for worker in site.crew.workers:
        worker.ask_to_stop()
    site.crew.run_command("replay", "--until-ready")
    for worker in site.crew.workers:
        worker.start()
    site.await_commits(300)


def _come_back_empty(site: Site) -> None:
    site.await_commits(300)
    one(site).server.kill()
    site.faults += 1
    one(site).server.start()
    site.await_codes(REFUSED)


def flush_scripts(site: Site) -> None:
    """SCRIPT FLUSH every 100 ms."""
    with one(site).administrator() as client:
        for _ in site.times(60):
            client.script_flush()
            site.faults += 1
            time.sleep(0.1)


def pause_clients(site: Site) -> None:
    """CLIENT PAUSE for 3 s, of all commands and of writes."""
    with one(site).administrator() as client:
        for everything in (True, False):
            client.client_pause(3_000, all=everything)
            site.faults += 1
            client.ping()  # waits too where everything is paused
            site.await_commits(100)


def sleep(site: Site) -> None:
    """DEBUG SLEEP for 3 s: Redis answers nobody."""
    with one(site).administrator() as client:
        for _ in site.times(2):
            client.execute_command("DEBUG", "SLEEP", "3")
            site.faults += 1
            site.await_commits(100)


def suspend(site: Site) -> None:
    """SIGSTOP of Redis for 4 s; it then does what nobody waits for any more."""
    for _ in site.times(2):
        with suspended(one(site).server.pid):
            site.faults += 1
            time.sleep(4.0)
        site.await_commits(100)


def busy(site: Site) -> None:
    """Another program's script runs on and on, and Redis answers BUSY."""
    with one(site).administrator() as client:
        client.config_set("busy-reply-threshold", "10")
        for _ in site.times(3):
            looping = threading.Thread(target=_loop, args=(one(site).server.url,))
            looping.start()
            site.faults += 1
            site.pause(1.0, 3.0)
            assert wait_until(partial(_is_killed, client), timeout=_KILL_S)
            looping.join()
            site.await_commits(100)


def _is_killed(client: redis.Redis) -> bool:
    try:
        client.script_kill()
    except redis.ResponseError:
        return False  # it has not begun
    return True


def _loop(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        try:
            client.eval("while true do end", 0)
        except redis.ResponseError:
            return  # it was killed


def out_of_memory(site: Site) -> None:
    """Redis has reached its maxmemory, which is later raised."""
    with one(site).administrator() as client:
        for _ in site.times(3):
            used = client.info("memory")["used_memory"]
            client.config_set("maxmemory", str(used + 30_000))
            site.faults += 1
            site.pause(1.5, 3.0)
            client.config_set("maxmemory", "0")
            site.await_commits(100)


def fill_disk(site: Site) -> None:
    """The disk of the append-only file is full, and later has room again."""
    ballast = one(site).server.directory / "ballast"
    for _ in site.times(2):
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                site.faults += 1
        site.crew.await_log(UNWELL)
        site.pause(1.0, 2.0)
        ballast.unlink()
        site.await_commits(100)


def withdraw_rights(site: Site) -> None:
    """The user loses the right to call scripts, and then to write, and gets them back."""
    with one(site).administrator() as client:
        for right in ("evalsha", "hset"):
            client.execute_command("ACL", "SETUSER", "default", f"-{right}")
            site.faults += 1
            site.pause(1.0, 2.0)
            client.execute_command("ACL", "SETUSER", "default", f"+{right}")
            site.await_commits(100)
