"""What `profiler serve` answers in, at an even load on loopback."""

import argparse
import http.client
from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from rich.table import Table

from bench.command import Command, Measured, Session, positive
from bench.errors import BenchError
from bench.http_load import Answered, offer
from bench.populate import Crowd, captured_inputs, populate, visitor_id
from bench.report import Summary, spread
from bench.traffic import read_templates
from bench.workers import Program, variables_of
from profiler.config.addresses import Address
from profiler.rules.model import PRESETS, load_rules
from profiler.servers.ports import LOOPBACK

#: The same way through the server without Redis: no read can be faster.
BARE, READ, UNCHANGED = "healthz", "one visitor", "one visitor, not changed"
#: What each request of a row is answered with.
ROWS = {BARE: 200, READ: 200, UNCHANGED: 304}
AIM_P99_MS = 5.0

_TOKEN = "0123456789abcdef" * 4
_NOW = 1_700_000_100_000
_SEED = 1


class _Service(Program):
    """`profiler serve` as anybody starts it."""

    name = "profiler serve"

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(["-m", "profiler", "serve"], environment=variables_of(settings))

    def command(self) -> list[str]:
        return [*super().command(), "--port", str(self.port)]

    def is_ready(self) -> bool:
        try:
            return self.ask("/readyz").status == http.client.OK
        except OSError:
            return False

    def ask(self, target: str) -> http.client.HTTPResponse:
        """One answer, its body read."""
        line = http.client.HTTPConnection(LOOPBACK, self.port, timeout=5)
        line.request("GET", target, headers={"Authorization": f"Bearer {_TOKEN}"})
        answer = line.getresponse()
        answer.read()
        line.close()
        return answer


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=positive, default=1_000, help="requests/s (default: 1000)")
    parser.add_argument(
        "--seconds", type=positive, default=20, help="of a round, after the warm-up (default: 20)"
    )
    parser.add_argument(
        "--warm-up", type=positive, default=3, help="seconds at the same rate before (default: 3)"
    )
    parser.add_argument("--rounds", type=positive, default=3, help="default: 3")
    parser.add_argument(
        "--visitors", type=positive, default=20_000, help="in Redis (default: 20000)"
    )
    parser.add_argument("--rules", choices=PRESETS, default="standard", help="default: standard")


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    store = session.private_store()
    rules = load_rules(options.rules)
    crowd = Crowd(visitors=options.visitors, visits=2, events=10)
    populate(store, rules, crowd, captured_inputs(rules, read_templates()))
    settings = {
        "redis__url": store.url,
        "rules": options.rules,
        "serve__token": _TOKEN,
        "serve__requests_per_s": "0",
    }
    found: dict[str, list[tuple[Answered, float]]] = defaultdict(list)
    with _Service(settings) as service:
        for number in range(1, options.rounds + 1):
            for name in ROWS:
                found[name].append(_round(name, service, options, Random(_SEED + number)))  # noqa: S311 - repeatable
            session.console.print(f"round {number} of {options.rounds} done")
    rows = [_summary(name, rounds) for name, rounds in found.items()]
    p99 = next(row["p99_ms"]["median"] for row in rows if row["name"] == READ)
    aim = {"at_most": AIM_P99_MS, "figure": p99, "met": p99 < AIM_P99_MS}
    report = {"rate": options.rate, "visitors": options.visitors, "rules": options.rules}
    return Measured({**report, "rows": rows, "aim": aim}, [_table(rows, options.rate)])


def _round(
    name: str, service: _Service, options: argparse.Namespace, random: Random
) -> tuple[Answered, float]:
    count = options.rate * (options.warm_up + options.seconds)
    visitors = [visitor_id(random.randrange(options.visitors)) for _ in range(count)]
    requests = _requests(name, service, visitors)
    before = service.cpu_us() or 0.0
    at = Address(LOOPBACK, service.port)
    answered = offer(at, requests, options.rate, options.rate * options.warm_up)
    if wrong := {status for status in answered.statuses if status != ROWS[name]}:
        raise BenchError(f"{name}: some answers were {sorted(wrong)}")
    return answered, ((service.cpu_us() or 0.0) - before) / count


def _requests(name: str, service: _Service, visitors: Sequence[str]) -> list[bytes]:
    if name == BARE:
        return [b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"] * len(visitors)
    tags: dict[str, str] = {}
    found = []
    for visitor in visitors:
        target = f"/v1/visitors/{visitor}?now={_NOW}"
        head = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {_TOKEN}\r\n"
        if name == UNCHANGED:
            if visitor not in tags:
                tags[visitor] = service.ask(target).headers["etag"]
            head += f"If-None-Match: {tags[visitor]}\r\n"
        found.append(f"{head}\r\n".encode())
    return found


def _summary(name: str, rounds: Sequence[tuple[Answered, float]]) -> Summary:
    answers = [answered for answered, _ in rounds]
    return {
        "name": name,
        "rounds": len(rounds),
        "p50_ms": spread([each.percentile(0.5) for each in answers]),
        "p99_ms": spread([each.percentile(0.99) for each in answers]),
        "longest_ms": spread([each.latencies_ms[-1] for each in answers]),
        "cpu_us": spread([used_us for _, used_us in rounds]),
    }


def _table(rows: Sequence[Mapping[str, Any]], rate: int) -> Table:
    table = Table(
        caption=f"{rate:,} requests/s; ms from the time a request was due to its answer's last"
        " byte; CPU of the service"
    )
    table.add_column("row")
    for title in ("p50", "p99: median (min to max)", "longest", "CPU, µs a request"):
        table.add_column(title, justify="right")
    for row in rows:
        p99 = row["p99_ms"]
        table.add_row(
            row["name"],
            f"{row['p50_ms']['median']:.2f}",
            f"{p99['median']:.2f} ({p99['min']:.2f} to {p99['max']:.2f})",
            f"{row['longest_ms']['median']:.1f}",
            f"{row['cpu_us']['median']:.0f}",
        )
    return table


COMMAND = Command(
    help="p50 and p99 of profiler serve at an even load", add_options=_add_options, measure=_measure
)
