"""Sentinel: does each one answer, and do all name one primary?"""

from collections.abc import Iterator

import redis

from profiler.ops.check.findings import Finding, Subject
from profiler.profiles.redis.faults import translated
from profiler.profiles.redis.sentinels import REFUSALS, REMEDY, Sentinels


def check_sentinels(client: "redis.Redis") -> Iterator[Finding]:
    """One row for each sentinel; none where there is no Sentinel.

    Blocks for the timeout at most, for each of them.

    Args:
        client: from `connect_to`.

    Raises:
        ConfigError: what answers at one of the addresses is no Sentinel.
    """
    sentinels = client.connection_pool.connection_kwargs.get("places")
    if not isinstance(sentinels, Sentinels):
        return
    named: set[str] = set()
    for address in sentinels.addresses:
        subject = Subject(f"sentinel {address}")
        try:
            primary = sentinels.ask(address)
        except REFUSALS as error:
            yield subject.failed("primary", f"it refuses us: {error}", REMEDY)
            continue
        except redis.RedisError as error:
            yield subject.warning(
                "primary",
                str(translated(error)),
                "start it, or take it out of redis.url; the other sentinels are asked",
            )
            continue
        if primary is None:
            yield subject.failed(
                "primary",
                f"it knows no primary called {sentinels.service}",
                "check the service in redis.url; SENTINEL MASTERS lists the names",
            )
            continue
        named.add(str(primary))
        found = f"{sentinels.service} is {primary}"
        if len(named) > 1:
            yield subject.warning(
                "primary",
                f"{found}, and another sentinel named another one",
                "wait until a failover is over; else: SENTINEL CKQUORUM",
            )
        else:
            yield subject.ok("primary", found)
