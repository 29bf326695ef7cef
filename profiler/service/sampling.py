"""What is asked of servers now and then, so that no scrape waits for one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def sampled(name: str, sample: Callable[[threading.Event], None]) -> Iterator[None]:
    """Let a thread sample until the block ends; it is not waited for then.

    Args:
        name: the thread's.
        sample: asks again and again, until the event is set.
    """
    over = threading.Event()
    threading.Thread(target=sample, args=(over,), name=name, daemon=True).start()
    try:
        yield
    finally:
        over.set()
