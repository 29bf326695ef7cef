"""Prints in how many runs of the model all is right, in percent, by what is left out."""

import argparse
from collections.abc import Iterator, Mapping

from tests.worker.model.protections import ALL, LEFT_OUT, Protections
from tests.worker.model.runs import Run

_RUNS = 4_000
#: In the order of the attributes of `Found`, but for the first.
_COLUMNS = ("profiles right", "each output once", "outputs as at first", "no needless stop")


def table(runs: int, rows: Mapping[str, Protections]) -> Iterator[str]:
    """The lines of the table, in Markdown."""
    yield f"| rules of the worker | {' | '.join(_COLUMNS)} |"
    yield f"| --- |{' ---: |' * len(_COLUMNS)}"
    for name, rules in rows.items():
        found = [Run(seed, rules).go() for seed in range(runs)]
        shares = (_share([each[at] for each in found]) for at in range(1, len(_COLUMNS) + 1))
        yield f"| {name} | {' | '.join(shares)} |"


def _share(found: list[bool]) -> str:
    """In percent; rounded down, so that 100.0 says that there was no other run."""
    return f"{sum(found) * 1_000 // len(found) / 10} %"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=_RUNS, help="of each row")
    for line in table(parser.parse_args().runs, {"all": ALL} | LEFT_OUT):
        print(line, flush=True)  # noqa: T201 - its purpose


if __name__ == "__main__":
    main()
