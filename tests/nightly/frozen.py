"""One thread of another process is stopped, and all others run on: what no signal can do."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from profiler.servers.processes import wait_until

_SEIZE, _INTERRUPT, _DETACH = 0x4206, 0x4207, 17
_PATIENCE_S = 5


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop the main thread of a child of ours, by the kernel's interface for debuggers."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    for request in (_SEIZE, _INTERRUPT):
        if libc.ptrace(request, pid, None, None):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    status = Path(f"/proc/{pid}/task/{pid}/stat")
    assert wait_until(lambda: status.read_text().rpartition(") ")[2][0] == "t", timeout=_PATIENCE_S)
    try:
        yield
    finally:
        libc.ptrace(_DETACH, pid, None, None)
