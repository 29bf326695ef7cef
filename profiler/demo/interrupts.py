"""Ctrl-C, SIGTERM, a closed terminal: noticed between steps, or inside one that takes too long.

A handler that raises wherever the program is can leave a server behind, or the cursor hidden.
"""

import signal
from types import FrameType

#: A step may finish within this time after the signal.
_GRACE_S = 1.0


class Interrupted(BaseException):
    """The user wants us to end; not an `Exception`, so that no library swallows it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        #: What a shell shows for a program that this signal ended.
        self.exit_code = 128 + number


class Interrupts:
    """Takes over the signals; they stay with it, since the program ends afterwards."""

    def __init__(self) -> None:
        self._number = 0
        signal.signal(signal.SIGALRM, self._interrupt)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # `nohup` outlives its terminal
            signal.signal(signal.SIGHUP, self._note)

    def check(self) -> None:
        """Call it between steps.

        Raises:
            Interrupted: a signal came.
        """
        if self._number:
            raise Interrupted(self._number)

    def silence(self) -> None:
        """From here on nothing is raised and every further signal is ignored."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if not self._number:
            self._number = number
            signal.setitimer(signal.ITIMER_REAL, _GRACE_S)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self.check()
