"""Holds the native engine to the Python one: the same random input to both, and no difference.

    make fuzz ARGS="records --inputs 5000000 --seed 1"

`records` makes records, `replies` makes replies of the script. The same seed gives the same input.
Prints every difference with the fewest records that show it, and ends with 1 when there is one.
`proof` puts faults into copies of native/, and ends with 1 when a fuzzer misses one.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tests.fuzz.fuzzers import FUZZERS
from tests.fuzz.proof import prove

CONSOLE = Console(highlight=False, soft_wrap=True)

#: Seconds between two lines of progress.
_EVERY_S = 10.0

#: Nobody reads more differences.
_MOST_DIFFERENCES = 5


def main() -> int:
    """Run what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("what", choices=[*FUZZERS, "proof"])
    parser.add_argument("--inputs", type=int, default=100_000, help="so many, or a few more")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", action="store_true", help="end with the first difference")
    given = parser.parse_args()
    if given.what == "proof":
        return _prove(given.seed)
    most = 1 if given.first else _MOST_DIFFERENCES
    return _fuzz(given.what, given.seed, given.inputs, most_differences=most)


def _fuzz(what: str, seed: int, inputs: int, *, most_differences: int) -> int:
    began = last = time.monotonic()
    found = 0
    for progress in FUZZERS[what](seed):
        if progress.difference:
            found += 1
            CONSOLE.print(str(progress.difference), markup=False)
        now = time.monotonic()
        is_done = progress.inputs >= inputs or found == most_differences
        if is_done or now - last > _EVERY_S:
            last = now
            CONSOLE.print(
                f"{what}, seed {seed}: {progress.inputs:,} compared, {found} differences,"
                f" {progress.rejected:,} dead letters, {now - began:.0f} s",
                markup=False,
            )
        if is_done:
            break
    return int(found > 0)


def _prove(seed: int) -> int:
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for plant, is_right, said in prove(Path(folder), seed):
            wrong += not is_right
            name = f"{plant.name} ({plant.file})" if plant else "no fault"
            CONSOLE.print(f"{'right' if is_right else 'WRONG'}: {name}: {said}", markup=False)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
