"""Holds the native engine to the Python one: the same random input to both, and no difference.

    make fuzz ARGS="records --inputs 5000000 --seed 1"

`records` makes records, `replies` makes replies of the script. The same seed gives the same input.
Prints every difference with the fewest records that show it, and ends with 1 when there is one.
"""

import argparse
import sys
import time

from rich.console import Console

from tests.fuzz.fuzzers import FUZZERS

CONSOLE = Console(highlight=False, soft_wrap=True)

#: Seconds between two lines of progress.
_EVERY_S = 10.0

#: Nobody reads more differences.
_MOST_DIFFERENCES = 5


def main() -> int:
    """Run a fuzzer; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("what", choices=FUZZERS)
    parser.add_argument("--inputs", type=int, default=100_000, help="so many, or a few more")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = last = time.monotonic()
    found = 0
    for progress in FUZZERS[given.what](given.seed):
        if progress.difference:
            found += 1
            CONSOLE.print(str(progress.difference), markup=False)
        now = time.monotonic()
        is_done = progress.inputs >= given.inputs or found == _MOST_DIFFERENCES
        if is_done or now - last > _EVERY_S:
            last = now
            CONSOLE.print(
                f"{given.what}, seed {given.seed}: {progress.inputs:,} compared,"
                f" {found} differences, {progress.rejected:,} dead letters, {now - began:.0f} s",
                markup=False,
            )
        if is_done:
            break
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
