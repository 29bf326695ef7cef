"""Brokers that die, are restarted, fall silent, or are cut off."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.chaos.brokers import silent

if TYPE_CHECKING:
    from tests.chaos.proxy import Proxy
    from tests.chaos.site import Site

_SILENCE_S = 20.0


def kill_broker(site: Site) -> None:
    """The only broker is killed with SIGKILL, and started again."""
    (broker,) = site.brokers.nodes
    for _ in site.times(2):
        site.pause(0.5, 2.0)
        broker.kill()
        site.faults += 1
        site.pause(0.2, 2.0)
        broker.start()
        site.await_commits(100)


def restart_broker(site: Site) -> None:
    """The only broker is stopped in good order, and started again."""
    (broker,) = site.brokers.nodes
    site.pause(0.5, 2.0)
    broker.stop()
    site.faults += 1
    broker.start()
    site.await_commits(100)


def kill_leader(site: Site) -> None:
    """Of three brokers the one that leads a partition of the outputs is killed; it comes back."""
    for number in site.times(3):
        topic = site.topics[("persisted", "processed", "rejected")[number % 3]]
        leader = site.brokers.leader_of(topic, number % site.scene.partitions)
        leader.kill()
        site.faults += 1
        site.await_commits(150)
        leader.start()
        site.await_commits(100)


def silence(site: Site) -> None:
    """SIGSTOP of the only broker for 20 s."""
    with silent(site.brokers.nodes[0]):
        site.faults += 1
        time.sleep(_SILENCE_S)
    site.await_commits(100)


def cut(site: Site) -> None:
    """All connections of the workers to Kafka are reset, at random moments."""
    for _ in site.times(8):
        site.pause(0.2, 1.5)
        proxy_of(site).cut()
        site.faults += 1
    site.await_commits(50)


def delay(site: Site) -> None:
    """What goes to Kafka and comes from it is up to 400 ms late."""
    proxy = proxy_of(site)
    for _ in site.times(4):
        proxy.requests.delay_s = site.chance.uniform(0.02, 0.4)
        proxy.replies.delay_s = site.chance.uniform(0.02, 0.4)
        site.faults += 1
        site.pause(1.0, 3.0)
    proxy.heal()
    site.await_commits(50)


def swallow(site: Site) -> None:
    """For seconds nothing of what Kafka answers arrives, or nothing of what it is asked."""
    proxy = proxy_of(site)
    for _ in site.times(3):
        site.pause(0.3, 1.0)
        proxy.swallow(site.chance.choice([proxy.requests, proxy.replies]))
        site.faults += 1
        site.pause(1.5, 6.0)
        proxy.heal()
        site.await_commits(50)


def cut_in_mid_request(site: Site) -> None:
    """Connections to Kafka are cut after so many bytes, in the midst of a request or an answer."""
    proxy = proxy_of(site)
    for _ in site.times(5):
        direction = site.chance.choice([proxy.requests, proxy.replies])
        direction.cut_after = site.chance.randint(1_000, 40_000)
        site.faults += 1
        site.pause(0.5, 2.0)
        proxy.heal()
        site.await_commits(30)


def proxy_of(site: Site) -> Proxy:
    """The proxy between the workers and Kafka."""
    assert site.brokers.proxy is not None
    return site.brokers.proxy
