"""The commands that the first pages show work in a fresh clone, in their order, as they stand."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.packaging.commands import ROOT, bare_environment, pip_settings, run
from tests.packaging.conftest import NOT_SOURCE

#: In the order in which a newcomer reads them.
PAGES = ("README.md", "docs/tutorial.md")

#: Commands, and the lines that must be in what they print, where the page shows any.
BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)

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
    script = "".join(f"{commands}echo '{MARK}'\n" for commands, _ in blocks)
    programs = Path(sys.base_prefix, "bin")
    environment = {**bare_environment(programs, clone), **pip_settings()}

    # A shell for the whole page: what one block exports, the next one has.
    done = run(["bash", "-euo", "pipefail", "-c", script], directory=clone, environment=environment)

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
