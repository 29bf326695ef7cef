"""A server that all processes of pytest-xdist share: the first that needs it starts it."""

from __future__ import annotations

import fcntl
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def shared(folder: Path, name: str, start: Callable[[ExitStack], str]) -> Iterator[str]:
    """Start a server, or find the one that another process has started.

    Who started it waits at the end until no other process uses it. It costs that process nothing:
    its tests are over.

    Args:
        folder: of all processes of this run, and of no other run.
        name: the server's, within the folder.
        start: starts it, leaves its end to the stack, and returns its address.

    Yields:
        The address.
    """
    path = folder / f"{name}.address"
    with ExitStack() as stack, (folder / f"{name}.lock").open("w") as lock:
        with _held(lock):
            is_ours = not path.exists()
            if is_ours:
                path.write_text(start(stack))
            # Who uses this server holds this file, which the next server's users do not.
            address = stack.enter_context(path.open())
            fcntl.flock(address, fcntl.LOCK_SH)
        try:
            yield address.read()
        finally:
            if is_ours:
                with _held(lock):
                    path.unlink()  # who comes now starts another one
                fcntl.flock(address, fcntl.LOCK_EX)


@contextmanager
def _held(lock: TextIO) -> Iterator[None]:
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)
