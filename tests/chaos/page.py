"""The table of the rows in docs/chaos.md.

    python -m tests.chaos.page

prints it; a test holds the page to it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.chaos.proof import CASES
from tests.chaos.protections import PROTECTIONS
from tests.chaos.rows import GROUPS

PAGE = Path(__file__).parents[2] / "docs" / "chaos.md"


def rows() -> str:
    """The rows by what they are done to."""
    lines = ["| row | what is done |", "| --- | --- |"]
    for group, rows_of_it in GROUPS.items():
        lines.append(f"| **{group}** | |")
        lines += [f"| `{name}` | {row.what} |" for name, row in rows_of_it.items()]
    return "\n".join(lines)


def proof() -> str:
    """The rows that must be wrong."""
    lines = ["| row | without | which says that | must be found |", "| --- | --- | --- | --- |"]
    for case in CASES:
        names = ", ".join(f"`{name}`" for name in case.without)
        what = "; ".join(PROTECTIONS[name].what for name in case.without)
        lines.append(f"| `{case.row}` | {names} | {what} | {case.finds} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(f"{rows()}\n\n{proof()}\n")
