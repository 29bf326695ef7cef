"""The paths that pages name in code are there; links and anchors are held by `make docs`."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Decisions name the paths of their date, and keep them.
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "docs" / "runbooks").glob("*.md"),
    *(ROOT / "deploy").rglob("*.md"),
    ROOT / "docs" / "adr" / "README.md",
    *ROOT.glob("clients/*/README.md"),
    ROOT / "lua" / "vectors" / "README.md",
]
#: What the changelog names was true at its release.
PAGES.remove(ROOT / "CHANGELOG.md")

#: Folders of the tree, by which a path is told from other words in code.
TOP = r"(?:bench|clients|docs|lua|native|profiler|servers|tests|tools)"


def dead_paths(page: Path) -> list[str]:
    """The files and folders/ in code that are missing, both from the root and beside the page."""
    code = re.findall(rf"`({TOP}/[\w./-]*(?:\.\w+|/))`", page.read_text("utf-8"))
    return [path for path in code if not any((at / path).exists() for at in (ROOT, page.parent))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_paths_of_a_page_lead_somewhere(page: Path) -> None:
    assert dead_paths(page) == []


def test_what_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("`tools/gone.py` `tools/x.py` `lua/a-row`\n")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "x.py").touch()
    assert dead_paths(page) == ["tools/gone.py"]
