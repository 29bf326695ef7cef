"""Holds the decisions in ``docs/adr/``: each says its status, and none is rewritten later.

    python -m tools.check_adrs [--write]

Every ADR has a title, then a line ``Status: accepted · 2026-11-24``, and a row in
``docs/adr/README.md``. A superseded one names a later ADR that exists. ``--write`` writes the
table of that page first. Prints every finding, and ends with 1 when there is one.

The text of an ADR is fixed by the oldest published version that has a status; only the status
line may change after it. Published is what `main` has. A shallow clone knows fewer versions: the
oldest one that it has counts there, so the check sees less and never reports what is right. Where
there is no git history at all, it says so.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
ADRS = Path("docs") / "adr"

#: The page's text by hand ends here; the table follows.
MARK = "<!-- From here on written by: python -m tools.check_adrs --write -->\n"

#: Where published versions are looked for, in this order. A clone of one branch has only HEAD.
PUBLISHED = ("origin/main", "main", "HEAD")

_FILE = re.compile(r"(\d{4})-[a-z0-9-]+\.md")
_TITLE = re.compile(r"# (?:(\d+)\. )?(\S.*)")
_STATUS = re.compile(
    r"Status: (?P<state>accepted|superseded by (?P<successor>\d{4})) · (?P<date>\d{4}-\d\d-\d\d)"
    r"(?: · amended by (?P<amended>\d{4}(?:, \d{4})*))?"
)


class Adr(NamedTuple):
    """One decision, as far as its first lines could be read."""

    name: str
    title: str
    state: str
    date: str
    #: Numbers of the ADRs that replace or amend this one.
    followers: list[str]
    #: What is wrong with the first lines.
    findings: list[str]

    @property
    def number(self) -> str:
        """The four digits of the file's name."""
        return self.name[:4]


def read(name: str, text: str) -> Adr:
    """Read the first lines of an ADR.

    Args:
        name: the file's name, ``NNNN-words.md``.
        text: the whole file.

    Returns:
        What the lines say; a line that is missing or wrong is a finding, and leaves its part empty.
    """
    lines = [line for line in text.splitlines() if line]
    title = _TITLE.fullmatch(lines[0]) if lines else None
    status = _STATUS.fullmatch(lines[1]) if len(lines) > 1 else None
    findings = []
    if not title:
        findings.append("the first line is no title: # Words")
    elif title[1] and int(title[1]) != int(name[:4]):
        findings.append(f"the title has number {title[1]}")
    if not status:
        findings.append("no line like `Status: accepted · 2026-11-24` under the title")
    followers = []
    if status:
        followers = [status["successor"]] if status["successor"] else []
        followers += (status["amended"] or "").split(", ") if status["amended"] else []
    state = status["state"] if status else ""
    if status and status["amended"]:
        state += f", amended by {status['amended']}"
    return Adr(
        name,
        title[2] if title else "",
        state,
        status["date"] if status else "",
        followers,
        findings,
    )


def table(adrs: Sequence[Adr]) -> str:
    """Return the table of the page."""
    rows = [
        f"| [{adr.number}]({adr.name}) | {adr.title} | {adr.state} | {adr.date} |" for adr in adrs
    ]
    return "\n".join(
        ["", "| number | decision | status | date |", "| --- | --- | --- | --- |", *rows, ""]
    )


def findings(root: Path) -> Iterator[str]:
    """Yield what is wrong with the decisions below `root`, a line each."""
    adrs = adrs_of(root)
    numbers = [adr.number for adr in adrs]
    for adr in adrs:
        yield from (f"{adr.name}: {finding}" for finding in adr.findings)
        if numbers.count(adr.number) > 1:
            yield f"{adr.name}: the number is taken twice"
        for follower in adr.followers:
            if follower not in numbers or follower <= adr.number:
                yield f"{adr.name}: {follower} is no later ADR"
    others = {path.name for path in (root / ADRS).iterdir()} - {adr.name for adr in adrs}
    yield from (f"{name}: is not called NNNN-words.md" for name in sorted(others - {"README.md"}))
    if (root / ADRS / "README.md").read_text("utf-8").partition(MARK)[2] != table(adrs):
        yield "README.md: the table is stale; write it with python -m tools.check_adrs --write"
    for name, fixed in published(root):
        path = root / ADRS / name
        if not path.exists():
            yield f"{name}: was published and is gone; supersede it instead"
        elif _without_status(path.read_text("utf-8")) != _without_status(fixed):
            yield f"{name}: its text was changed after it was published; write a new ADR instead"


def adrs_of(root: Path) -> list[Adr]:
    """Read all ADRs, in the order of their numbers."""
    paths = sorted((root / ADRS).glob("*.md"))
    return [read(p.name, p.read_text("utf-8")) for p in paths if _FILE.fullmatch(p.name)]


def published(root: Path) -> Iterator[tuple[str, str]]:
    """Yield name and fixed text of every ADR that was published with a status."""
    base = next(filter(None, (_git(root, "merge-base", "HEAD", ref) for ref in PUBLISHED)), "")
    if not base:
        return
    # A branch may write a text in several commits: what it brought with its merge was published.
    log = ("log", "--first-parent", "--diff-merges=first-parent")
    names = _git(root, *log, "--format=", "--name-only", base, "--", f"{ADRS.as_posix()}/")
    for path in sorted(set(names.split())):
        if not _FILE.fullmatch(Path(path).name):
            continue
        # The commits that changed a status line; the first of them fixed the text.
        commits = _git(root, *log, "--reverse", "--format=%H", "-G^Status: ", base, "--", path)
        if commits:
            yield Path(path).name, _git(root, "show", f"{commits.split()[0]}:{path}")


def _git(root: Path, *arguments: str) -> str:
    """What git answers, or nothing where it cannot."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, check=False
        )
    except FileNotFoundError:
        return ""
    return asked.stdout.decode().strip() if asked.returncode == 0 else ""


def _without_status(text: str) -> list[str]:
    return [line for line in text.strip().splitlines() if not line.startswith("Status: ")]


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Check the decisions, after writing the table when told to; returns the exit code."""
    adrs = adrs_of(root)
    if "--write" in arguments:
        page = root / ADRS / "README.md"
        page.write_text(page.read_text("utf-8").partition(MARK)[0] + MARK + table(adrs), "utf-8")
    found = list(findings(root))
    fixed = len(list(published(root)))
    compared = f"{fixed} texts as published" if fixed else "no published text to compare with"
    print("\n".join(found) or f"{len(adrs)} decisions have a status and a row; {compared}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
