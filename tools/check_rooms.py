"""Holds the size of files and rooms, so that the tree can be read a piece at a time.

    python -m tools.check_rooms [DIRECTORY]

1. A Python or Lua file of more than 250 lines says why in its first 20 lines, after the words
   "Over 250 lines:". A rendered file says that it is one ("DO NOT EDIT: rendered from").
2. The biggest room of ``profiler/`` holds less than a quarter of the package's lines of Python.

Prints every breach, and ends with 1 when there is one. Which room may import which other room is
held by ``lint-imports`` (pyproject.toml).
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "profiler"

MOST_LINES = 250
#: Where the reason has to stand.
FIRST_LINES = 20
REASONS = ("Over 250 lines:", "DO NOT EDIT: rendered from")
SUFFIXES = (".py", ".lua", ".lua.j2")

#: One room may have less than one part in so many.
PARTS = 4


def sources(root: Path) -> list[Path]:
    """Return the Python and Lua files that belong to the tree at `root`.

    Where it is a working tree of git, its files are what git has or would add; elsewhere all are.
    """
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        paths = [root / name for name in listed.stdout.split("\0") if name]
    else:
        paths = list(root.rglob("*"))
    # `profiler/_lua` is a link to `lua/`; what was deleted is listed until that is committed.
    return sorted(p for p in paths if p.name.endswith(SUFFIXES) and p.is_file())


def long_files(root: Path, paths: Sequence[Path]) -> Iterator[str]:
    """Name every file that is too long and does not say why."""
    for path in paths:
        lines = path.read_text("utf-8").splitlines()
        head = "\n".join(lines[:FIRST_LINES])
        if len(lines) > MOST_LINES and not any(reason in head for reason in REASONS):
            yield (
                f"{path.relative_to(root)}: {len(lines)} lines; split it, or say why in its first"
                f' {FIRST_LINES} lines, after "{REASONS[0]}"'
            )


def big_rooms(root: Path, paths: Sequence[Path]) -> Iterator[str]:
    """Name every room that holds a quarter of the package or more."""
    package = root / PACKAGE
    lines = Counter[str]()
    for path in paths:
        if path.suffix == ".py" and path.is_relative_to(package):
            # A module beside the rooms is a room of its own.
            lines[path.relative_to(package).parts[0]] += len(path.read_text("utf-8").splitlines())
    for room, count in lines.items():
        if count * PARTS >= lines.total():
            yield f"{PACKAGE}/{room}: {count} of {lines.total()} lines, a quarter or more"


def main(arguments: Sequence[str]) -> int:
    """Check a tree, by default this one; return the exit code."""
    root = Path(arguments[0]) if arguments else ROOT
    paths = sources(root)
    found = [*long_files(root, paths), *big_rooms(root, paths)]
    print("\n".join(found) or f"{len(paths)} files: none too long, no room too big")
    # A check that looks at nothing must not pass.
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
