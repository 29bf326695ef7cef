"""The work of a worker on some batches in one thread, with a mark after every stage.

Run by `bench.stages` under valgrind, with the settings of a worker in the environment:
``python -m bench.stage_steps NUMBER-OF-BATCHES``.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing

from profiler.config.load import load_settings
from profiler.engine import choose_engine
from profiler.kafka import open_consumer, open_producer, sink_of
from profiler.kafka.garbage import Garbage
from profiler.profiles.redis import Command
from profiler.profiles.redis.connections import connect_to
from profiler.profiles.reply import Reply
from profiler.profiles.script import ProfileScript
from profiler.rules.model import load_rules

#: In the order of the marks; each ends with one.
STAGES = ("poll", "decode, pack", "send, receive", "fold", "finish", "produce")
#: The function of libc that a mark calls, and that nothing else here calls.
MARK = "getpriority"


def main() -> None:
    """Take the batches through all stages."""
    settings = load_settings()
    with ExitStack() as stack:
        client = stack.enter_context(closing(connect_to(settings.redis)))
        script = ProfileScript(client, load_rules(settings.rules))
        script.register()
        engine_of = choose_engine(settings.engine)
        engine = engine_of("run", settings, script)
        topic = settings.topics.processed
        consumer = open_consumer(settings.kafka, topics=[topic], group=settings.groups.run)
        stack.enter_context(closing(consumer))
        sink = sink_of(settings.kafka, engine=engine_of.name)
        producer = stack.enter_context(closing(open_producer(settings.kafka, sink=sink)))
        while not consumer.assignment:
            consumer.keep_alive()
        # As `profiler run` does when all is there.
        Garbage.count_less()
        consumer.begin_anew()
        consumer.resume()
        for _ in range(int(sys.argv[1])):
            _mark()
            records = consumer.poll(timeout_ms=600_000, max_records=settings.batch.max_records)
            _mark()
            batch = engine.batch(records.records, stream=topic, floors={0: 0})
            batch.decode()
            rounds = batch.pack()
            _mark()
            waiting = _Waiting(rounds)
            script.execute(waiting)
            _mark()
            for number, replies in enumerate(waiting.replies):
                batch.fold(number, replies)
            _mark()
            outputs = batch.finish().outputs
            _mark()
            producer.send(outputs)
        _mark()


class _Waiting:
    """Packed rounds whose replies wait to be folded."""

    def __init__(self, rounds: Sequence[Sequence[Command]]) -> None:
        self.replies: list[Sequence[Reply]] = []
        self._rounds = rounds

    def pack(self) -> Sequence[Sequence[Command]]:
        return self._rounds

    def fold(self, _number: int, replies: Sequence[Reply]) -> None:
        self.replies.append(replies)


def _mark() -> None:
    os.getpriority(os.PRIO_PROCESS, 0)


if __name__ == "__main__":
    main()
