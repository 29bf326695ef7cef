"""How far long work is: a line that changes on a terminal, now and then a line elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from profiler.records.types import Record

_TELL_EVERY_S = 10.0
#: So many records between two words of how far it is.
_TELL_EVERY = 500


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Yields what says how far it is, on stderr; call it as often as you like."""
    console = Console(stderr=True)
    told = time.monotonic()
    with console.status("reading") as status:

        def say(so_far: str) -> None:
            nonlocal told
            status.update(so_far)
            if not console.is_terminal and time.monotonic() - told > _TELL_EVERY_S:
                told = time.monotonic()
                typer.echo(so_far, err=True)

        yield say


def counted(records: Iterator[Record], total: int) -> Iterator[Record]:
    """The records, of `total` at most; how far it is goes to stderr."""
    with progress() as say:
        for number, record in enumerate(records, 1):
            if not number % _TELL_EVERY:
                say(f"{number:,} of {total:,} records")
            yield record
