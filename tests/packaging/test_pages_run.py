"""The commands that pages show work as they stand, in their order.

All commands of the first pages run in a fresh clone. Of each other page the blocks run that stand
below the mark `<!-- run -->`: cheap ones, which need no server and no word of the reader's own.
"""

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.packaging.commands import ROOT, bare_environment, pip_settings, run
from tests.packaging.conftest import NOT_SOURCE

#: In the order in which a newcomer reads them.
PAGES = ("README.md", "docs/tutorial.md")

#: Commands, and the lines that must be in what they print, where the page shows any.
BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)

#: Where other pages choose blocks, and how.
OTHER_PAGES, CHOSEN = sorted((ROOT / "docs").glob("*.md")), "<!-- run -->\n"

#: Ends the output of a block.
MARK = "---- end of a block ----"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, package_index: None) -> Path:  # noqa: ARG001 - must be there
    """The tree as a clone has it: without anything that was built."""
    tree = tmp_path_factory.mktemp("clone") / "visitor-profiler"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    return tree


@pytest.mark.parametrize("page", PAGES)
def test_each_block_works_as_it_stands(page: str, clone: Path) -> None:
    blocks = BLOCK.findall((ROOT / page).read_text("utf-8"))
    assert len(blocks) > 1
    programs = Path(sys.base_prefix, "bin")
    run_blocks(blocks, clone, {**bare_environment(programs, clone), **pip_settings()})


@pytest.mark.parametrize(
    "page",
    [page for page in OTHER_PAGES if CHOSEN in page.read_text("utf-8")],
    ids=lambda page: page.name,
)
def test_each_chosen_block_works_as_it_stands(page: Path, tmp_path: Path) -> None:
    blocks = [
        found.groups(default="")
        for part in page.read_text("utf-8").split(CHOSEN)[1:]
        if (found := BLOCK.match(part))
    ]
    assert len(blocks) == page.read_text("utf-8").count(CHOSEN)
    run_blocks(blocks, tmp_path, bare_environment(Path(sys.executable).parent, tmp_path))


def run_blocks(
    blocks: Sequence[Sequence[str]], directory: Path, environment: Mapping[str, str]
) -> None:
    """Run blocks of commands; what a page shows below one is in what that one prints."""
    script = "".join(f"{commands}echo '{MARK}'\n" for commands, _ in blocks)

    # A shell for the whole page: what one block exports, the next one has.
    done = run(
        ["bash", "-euo", "pipefail", "-c", script], directory=directory, environment=environment
    )

    *printed, rest = done.stdout.split(f"{MARK}\n")
    assert rest == ""
    for (commands, shown), output in zip(blocks, printed, strict=True):
        for line in shown.splitlines():
            assert line.strip() in output, commands


def test_the_front_page_shows_two_commands_and_fits_a_screen() -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    commands = [line for block, _ in BLOCK.findall(page) for line in block.splitlines()]
    assert len(commands) == 2
    assert len(page.splitlines()) <= 50
    assert len(re.findall(r"!\[", page)) == 1
