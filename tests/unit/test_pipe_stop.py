"""`pipe` hears a signal that comes between Python's last look for one and a read that waits."""

import os
import select
import signal
import subprocess
import sys

PATIENCE_S = 10

_WAITS = """
import signal, threading, sys
from profiler.worker.pipe_stop import Patience, StoppedError

patience = Patience(1)
patience.watch_signals()
# Another thread gets the signal, so that it interrupts no call of this one.
helper = threading.Thread(target=threading.Event().wait, daemon=True)
helper.start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
lines = patience.reading(sys.stdin.fileno())
print(lines.read1().decode(), flush=True)
try:
    lines.read1()
except StoppedError as error:
    print(error)
"""


def test_a_read_that_no_signal_interrupts_ends_by_one() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdin
            assert process.stdout
            process.stdin.write("first")
            process.stdin.flush()
            assert process.stdout.readline() == "first\n"
            os.kill(process.pid, signal.SIGTERM)
            assert select.select([process.stdout], [], [], PATIENCE_S)[0], "it still reads"
            assert process.stdout.readline() == "stopped by SIGTERM\n"
        finally:
            process.kill()
