"""Puts small faults into copies of the tree, and tells which of them no test notices.

    make mutants ARGS="--seed 1 --count 60 --areas lua,decoding"

A pass that was stopped goes on where it was when it is started again with the same file of results.
"""

import argparse
import sys
from pathlib import Path

from tools.mutants.areas import AREAS, chosen, load_areas
from tools.mutants.passing import Options, Pass
from tools.mutants.results import Results, table

TREE = Path(__file__).parents[2]


def main() -> int:
    """Run a pass; returns 1 where a mutant survived."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which mutants are drawn")
    parser.add_argument("--count", type=int, default=60, help="how many, over the chosen areas")
    parser.add_argument("--areas", default="", help="beginnings of names, with commas between")
    parser.add_argument("--limit", type=float, default=240, help="seconds for one mutant's tests")
    parser.add_argument("--processes", type=int, default=2, help="mutants at a time")
    parser.add_argument("--results", type=Path, default=TREE / "build" / "mutants.json")
    parser.add_argument("--again", action="store_true", help="test survivors of the file again")
    parser.add_argument("--tree", type=Path, default=TREE, help="a checkout with its .venv")
    parser.add_argument("--table", type=Path, default=AREAS, help="the areas of that checkout")
    given = parser.parse_args()
    areas = chosen(load_areas(given.table), [name for name in given.areas.split(",") if name])
    options = Options(given.tree.resolve(), given.seed, given.count, given.limit, given.processes)
    done = Pass(areas, options, Results(given.results, again=given.again)).run()
    print(table(done))
    return int(any(each.fate == "survived" for each in done))


if __name__ == "__main__":
    sys.exit(main())
