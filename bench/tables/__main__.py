"""The tables of the docs from the reports in build/: `python -m bench.tables [--check]`.

A table stands in a page between ``<!-- figures: NAME -->`` and ``<!-- end -->``, and is written
anew from the reports that it needs. Where one of these is not there, the table stays as it is.
"""

import argparse
import json
import sys
from pathlib import Path

from bench.tables import filled

_PAGES = ("docs/performance.md", "docs/performance-method.md")


def main() -> None:
    """Write the tables into the pages, and say which were written."""
    options = _options()
    reports = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in options.build.glob("*.json")
    }
    is_old = False
    for page in map(Path, _PAGES):
        old = page.read_text(encoding="utf-8")
        new = filled(old, reports, say=print)
        is_old |= new != old
        if not options.check:
            page.write_text(new, encoding="utf-8")
    if options.check and is_old:
        sys.exit("the pages have other figures than the reports: python -m bench.tables")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.tables", description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where it would")
    return parser.parse_args()


if __name__ == "__main__":
    main()
