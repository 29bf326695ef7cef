"""The order of the demo: start, stream the sample, show what came out, stop or stay."""

import logging
import os
import sys
from contextlib import ExitStack, closing
from io import TextIOWrapper
from time import monotonic

from rich.console import Console

from profiler.demo.advice import print_addresses, print_kept, print_next_steps, print_stays
from profiler.demo.interrupts import Interrupted, Interrupts
from profiler.demo.profiles import pick, profile_panel
from profiler.demo.rate import Rate
from profiler.demo.servers import STORE_PORT, DemoServers
from profiler.demo.shop import RULES
from profiler.demo.tally import Tally
from profiler.demo.traffic import SampleFeed
from profiler.demo.view import MAX_WIDTH, Snapshot, view_on
from profiler.errors import ProfilerError, TransportError
from profiler.kafka import open_producer
from profiler.kafka.topic_reader import TopicReader
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.rules.model import Rules, load_rules
from profiler.rules.shown import names_of
from profiler.servers.ports import LOOPBACK

_SAMPLE_S = 9.0
_POLL_MS = 100
_MAX_POLL_RECORDS = 500
_STALL_TIMEOUT_S = 20.0


def run_demo(*, keep: bool | None, rules: str | None) -> int:
    """Run the demo on standard output; returns the exit code.

    Takes over SIGINT, SIGTERM, SIGHUP and SIGALRM for the rest of the process.

    Args:
        keep: stay until interrupted, on well-known ports where they are free. None: where somebody
            looks, which is on a terminal outside CI.
        rules: a preset, or the path of a rules file; None for the shop's own.

    Raises:
        ConfigError: wrong rules, missing wheels, no free port.
        ProfilerError: a server or the worker failed.
    """
    interrupts = Interrupts()
    # The client's own messages would tear the picture; what they are about is raised as well.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # page titles are in any script
    console = Console(highlight=False)
    console.width = min(console.width, MAX_WIDTH)
    keep = _is_watched() if keep is None else keep
    rules = rules or str(RULES)
    declared = load_rules(rules)
    servers = DemoServers(console, interrupts, rules=rules, fixed_ports=keep)
    code, stays = 0, False
    with ExitStack() as stack:
        stack.callback(servers.close)
        try:
            demo = _Demo(console, servers, declared, stays=keep)
            demo.start(stack)
            demo.stream_sample()
            visitor_id = demo.show_results()
            servers.check()
            if keep:
                stays = True
                demo.stay(visitor_id)
            url = f"redis://{LOOPBACK}:{STORE_PORT}/0"
            print_next_steps(console, declared, visitor_id=visitor_id, redis_url=url)
        except Interrupted as interrupted:
            code = 0 if stays else interrupted.exit_code
            interrupts.silence()
            servers.kill()
        except TransportError:
            servers.check()  # a broker that has ended explains it better
            raise
        finally:
            interrupts.silence()
            stopping = monotonic()
    how = "Interrupted: stopped" if code else "Stopped"
    took = monotonic() - stopping
    console.print(f"{how} everything in {took:.1f} s; nothing is left behind.")
    return code


def _is_watched() -> bool:
    # Some CI gives its jobs a terminal, at which nobody sits to press Ctrl-C.
    is_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
    return sys.stdout.isatty() and not is_ci


class _Demo:
    """The steps of one run."""

    def __init__(
        self, console: Console, servers: DemoServers, rules: Rules, *, stays: bool
    ) -> None:
        self._stays = stays
        self._console = console
        self._servers = servers
        self._rules = rules
        self._names = names_of(rules)
        self._tally = Tally(self._names, rejected_topic=servers.settings.topics.rejected)
        self._rate = Rate()
        self._elapsed_s = 0.0

    def start(self, stack: ExitStack) -> None:
        """Start the servers, and connect both ends; the stack closes the connections.

        Raises:
            ConfigError: a port was taken meanwhile.
            ProfilerError: something did not start.
        """
        self._console.print(
            "[bold]Captured traffic: Kafka → Redis Lua → Kafka, on servers of its own[/]"
        )
        self._servers.start()
        kafka, topics = self._servers.settings.kafka, self._servers.settings.topics
        self._outputs = TopicReader(kafka, [topics.persisted, topics.rejected], begin="first")
        stack.callback(self._outputs.close)
        self._servers.check()
        producer = open_producer(kafka)
        stack.callback(producer.close)
        self._feed = SampleFeed(producer, topics.processed, duration_s=_SAMPLE_S)
        self._servers.await_worker()
        page, shop = self._servers.service.page, self._servers.shop.url
        print_addresses(self._console, page=page, shop=shop, stays=self._stays)

    def stream_sample(self) -> None:
        """Produce the sample, and show it until all of it has come out.

        Raises:
            ProfilerError: a server or the worker ended, or nothing comes any more.
        """
        total = self._feed.total
        began = moved = monotonic()
        with closing(view_on(self._console)) as view:
            while self._tally.records < total:
                self._feed.send_due()
                if self._take_outputs():
                    moved = monotonic()
                elif monotonic() - moved > _STALL_TIMEOUT_S:
                    raise ProfilerError(
                        f"{self._tally.records} of {total} records came through, then none for"
                        f" {_STALL_TIMEOUT_S:g} s; the worker's last output:\n"
                        f"{self._servers.worker.last_output(3)}"
                    )
                self._elapsed_s = monotonic() - began
                view.update(Snapshot(self._tally, self._rate, total, self._elapsed_s))
            view.update(Snapshot(self._tally, self._rate, total, self._elapsed_s), last=True)

    def show_results(self) -> str:
        """Print some profiles as Redis has them, and the counts; returns a visitor's id.

        Raises:
            ProfilerError: the store does not answer, or nobody was seen.
        """
        script = ProfileScript(connect(self._servers.redis_url), self._rules)
        picks = pick(self._tally)
        if not picks:
            raise ProfilerError(
                "no profile came out; does identity.visitor fit,"
                f" {', '.join(self._rules.identity.visitor)}?"
            )
        for chosen in picks:
            self._servers.check()
            stored = script.read(chosen.visitor_id) or {}
            seen = self._tally.visitors[chosen.visitor_id]
            self._console.print(profile_panel(chosen, stored, seen, self._names))
        tally = self._tally
        self._console.print(
            f"[bold green]Done[/] in {self._elapsed_s:.1f} s: {tally.records:,} records,"
            f" {len(tally.visitors):,} visitors, {tally.visits:,} visits,"
            f" {tally.repeated:,} repeats, {tally.corrected:,} corrected,"
            f" {tally.anonymous:,} anonymous, {tally.rejected:,} rejected.\n",
            soft_wrap=not self._console.is_terminal,
        )
        return picks[0].visitor_id

    def stay(self, visitor_id: str) -> None:
        """Say how to use the servers, and show what comes, until interrupted.

        Raises:
            ProfilerError: a server or the worker ended.
        """
        page, shop = self._servers.service.page, self._servers.shop.url
        print_kept(
            self._console,
            self._rules,
            self._servers.settings,
            visitor_id=visitor_id,
            log=self._servers.worker.log,
        )
        print_stays(self._console, page=page, shop=shop)
        began = monotonic()
        with closing(view_on(self._console)) as view:
            while True:
                self._take_outputs()
                view.update(Snapshot(self._tally, self._rate, 0, monotonic() - began))

    def _take_outputs(self) -> int:
        self._servers.check()
        records = self._outputs.poll(timeout_ms=_POLL_MS, max_records=_MAX_POLL_RECORDS)
        for record in records:
            self._tally.add(record)
        self._rate.add(len(records))
        return len(records)
