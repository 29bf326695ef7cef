"""Workers that are killed, suspended, held up, and come and go."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from profiler.servers.processes import wait_until
from tests.chaos.failpoints import Failpoint

if TYPE_CHECKING:
    from tests.chaos.site import Site
    from tests.chaos.worker import Worker

#: What every worker passes, whatever goes well; more are found by a look at one that works.
_LOOK_S = 4.0
_UNREACHED_S = 6.0
#: The victim joins, gets its share of the partitions, and comes to the point.
_HELD_WITHIN_S = 20.0
#: Longer than a session (`HASTY`): the group has given the member to another one.
_GIVEN_UP_S = 3.0


def kill_at_random(site: Site) -> None:
    """SIGKILL at random moments of a worker's life."""
    for _ in site.times(10):
        site.pause(0.2, 1.6)
        site.crew.any().kill()
        site.faults += 1


def kill_at_failpoints(site: Site) -> None:
    """SIGKILL before and after every call of every adapter, each in turn; 200 of them."""
    points = passed(site)
    (worker,) = site.crew.workers
    for number in site.times(200):
        deaths = len(worker.codes)
        worker.arm(_kill_at(points[number % len(points)], site))
        if number == 0:
            worker.kill()
        # What is killed here has the point that was armed before.
        await_death(worker, deaths + 1)
        site.faults += 1


def _kill_at(point: str, site: Site) -> Failpoint:
    """SIGKILL at one of the first passes; a start passes its points once."""
    is_once = point.startswith(("start.", "script.register", "producer.init"))
    return Failpoint(point, 1 if is_once else site.chance.randint(1, 8), "kill")


def passed(site: Site) -> list[str]:
    """The failpoints that a worker passes in its normal life, from its first step on."""
    site.await_commits(50)
    trace = site.crew.trace
    time.sleep(_LOOK_S)
    return sorted(set(trace.read_text().split()))


def await_death(worker: Worker, deaths: int) -> None:
    """Wait until so many of a worker's processes have ended; kill one that passes no point."""
    if not wait_until(lambda: len(worker.codes) >= deaths, timeout=_UNREACHED_S, interval=0.05):
        worker.kill()
        wait_until(lambda: len(worker.codes) >= deaths, timeout=_UNREACHED_S, interval=0.05)


def zombie(site: Site) -> None:
    """SIGSTOP for longer than the session, a second worker takes over, SIGCONT."""
    for _ in site.times(3):
        victim = site.crew.any()
        victim.suspend()
        time.sleep(_GIVEN_UP_S)
        site.await_commits(150)
        victim.go_on()
        site.faults += 1
        site.await_commits(100)


def late_zombie(site: Site) -> None:
    """The same, but it is held before a call to Redis, or between the call and the reply."""
    for _ in site.times(2):
        side = site.chance.choice(["before", "after"])
        _hold(site, Failpoint(f"redis.send_packed_command.{side}", _some(site), "stop"))


def zombie_in_commit(site: Site) -> None:
    """The same, but it is held before its transaction, or before its end, and goes on with it."""
    for _ in site.times(1):
        for call in ("stage", "commit"):
            _hold(site, Failpoint(f"producer.{call}.before", _some(site), "stop"))


def _some(site: Site) -> int:
    return site.chance.randint(8, 20)


def _hold(site: Site, failpoint: Failpoint) -> None:
    """Suspend a worker at a point until another one has its partitions."""
    victim = site.crew.any()
    deaths = len(victim.codes)
    victim.arm(failpoint)
    victim.kill()
    await_death(victim, deaths + 1)
    if wait_until(lambda: victim.is_suspended, timeout=_HELD_WITHIN_S):
        time.sleep(_GIVEN_UP_S)
        site.await_commits(100)
    victim.go_on()
    site.faults += 1
    site.await_commits(100)


def too_long_between_polls(site: Site) -> None:
    """A worker holds its polls back for longer than max.poll.interval."""
    for _ in site.times(2):
        victim = site.crew.any()
        victim.arm(Failpoint("consumer.poll.before", site.chance.randint(5, 15), "sleep", 5))
        victim.kill()
        site.await_commits(300)
        site.faults += 1


def come_and_go(site: Site) -> None:
    """Workers are added and asked to stop, one to three at a time."""
    for _ in site.times(4):
        (newcomer,) = site.crew.start()
        site.crew.await_log("assigned", among=[newcomer])
        site.pause(0.2, 1.0)
        running = [worker for worker in site.crew.workers if worker.is_running]
        if len(running) > 2:
            site.chance.choice(running).ask_to_stop()
        site.faults += 1
        site.await_commits(50)


def other_batches(site: Site) -> None:
    """Killed workers come back with another size of batches: what comes again is split anew."""
    for _ in site.times(8):
        site.pause(0.2, 1.0)
        site.crew.settings["BATCH__MAX_RECORDS"] = str(site.chance.choice([1, 3, 7, 50, 500]))
        site.crew.any().kill()
        site.faults += 1


def two_of_one_name(site: Site) -> None:
    """Two workers of one worker.id: one producer fences the other again and again."""
    site.crew.start(WORKER_ID="worker-0")
    site.faults += 1
    site.await_commits(300)
    site.crew.workers[-1].ask_to_stop()


def mixed_clients(site: Site) -> None:
    """Workers on both client libraries share the group, and are killed in turn."""
    other = "kafka-python" if site.client == "librdkafka" else "librdkafka"
    site.crew.start(KAFKA__CLIENT=other)
    for _ in site.times(5):
        site.pause(0.5, 2.0)
        site.crew.any().kill()
        site.faults += 1
    site.await_commits(50)


def failing_calls(site: Site) -> None:
    """Every adapter's calls raise now and then, before or after they did their work."""
    points = [
        point
        for point in passed(site)
        if not point.startswith(("start.", "script.register")) and "close" not in point
    ]
    for _ in site.times(6):
        worker = site.crew.any()
        some = site.chance.sample(points, 3)
        worker.arm(*(Failpoint(point, site.chance.randint(3, 30), "raise") for point in some))
        worker.kill()
        site.await_commits(100)
        site.faults += 3
