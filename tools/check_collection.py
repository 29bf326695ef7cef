"""Holds that every process collects the same tests, in the same order.

    python -m tools.check_collection [DIRECTORY]

The processes of pytest-xdist each collect for themselves, and refuse to run where they differ. A
test's name must not hold the time, a hash or a random number, such as the bytes of a packed file
with a time in its header. So two processes collect side by side, with another seed for hashes, and
one some seconds after the other. Prints the names that differ, and ends with 1 when there is one.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent

#: A clock that counts whole seconds has moved on.
DELAY_S = 2
#: Of each kind; a fault in one place may change thousands.
MOST_NAMES = 10

COLLECT = (sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", "no:cacheprovider")


def differences(first: Sequence[str], second: Sequence[str]) -> Iterator[str]:
    """Yield a line for every name that one process has alone, or has in another place.

    Args:
        first: the names that one process collected, in its order.
        second: those of the other.
    """
    for which, names, others in (("first", first, set(second)), ("second", second, set(first))):
        alone = [name for name in names if name not in others]
        yield from (f"the {which} alone collects {name}" for name in alone[:MOST_NAMES])
        if len(alone) > MOST_NAMES:
            yield f"the {which} alone collects {len(alone) - MOST_NAMES} more"
    if sorted(first) == sorted(second) and first != second:
        place, names = next(
            (place, names)
            for place, names in enumerate(zip(first, second, strict=True))
            if names[0] != names[1]
        )
        yield f"another order, from place {place} on: {names[0]} here, {names[1]} there"


def collect(root: Path) -> list[list[str]]:
    """Collect the tests below `root` in two processes; return the names that each has, in order.

    Raises:
        SystemExit: one of them cannot collect.
    """
    running = []
    for number in (0, 1):
        if number:
            time.sleep(DELAY_S)
        # The conftest puts tests in another order for a process of pytest-xdist.
        differing = {"PYTHONHASHSEED": str(number + 1), "PYTEST_XDIST_WORKER": f"gw{number}"}
        process = subprocess.Popen(
            COLLECT, cwd=root, env={**os.environ, **differing}, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
    outputs = [process.communicate()[0] for process in running]
    for process, output in zip(running, outputs, strict=True):
        if process.returncode:
            sys.exit(f"pytest cannot collect ({process.returncode}):\n{output[-4_000:]}")
    return [[line for line in output.splitlines() if "::" in line] for output in outputs]


def main(arguments: Sequence[str]) -> int:
    """Check a tree, by default this one; return the exit code."""
    first, second = collect(Path(arguments[0]) if arguments else ROOT)
    found = list(differences(first, second))
    print("\n".join(found) or f"{len(first)} tests, the same ones in every process")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
