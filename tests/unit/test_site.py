"""The site refuses what leads nowhere, pages that nobody finds, and requests to other hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.site.__main__ import main
from tools.site.navigation import toctrees
from tools.site.requests import foreign_requests
from tools.site.slug import slug_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

HOME = "# Home\n\n## Tutorial\n\n- [Page](page.md): words.\n"
PAGE = """# Page

## A row, `two`

[there](#a-row-two) [home](README.md#tutorial) [file](data.txt)
"""

#: A missing page, file, anchor, anchor of another page, image; and what is said of each.
WRONG = {
    "[a](gone.md)": "gone.md",
    "[a](gone.txt)": "gone.txt",
    "[a](#no-row)": "no-row",
    "[a](README.md#no-part)": "no-part",
    "![a](gone.svg)": "gone.svg",
}


def site(folder: Path, page: str, **others: str) -> int:
    docs = folder / "tree" / "docs"
    docs.mkdir(parents=True)
    (docs / "data.txt").write_text("data")
    for name, text in {"README": HOME, "page": page, **others}.items():
        (docs / f"{name}.md").write_text(text)
    return main(str(folder / "tree"), str(folder / "site"))


def test_a_right_tree_becomes_a_site(tmp_path: Path) -> None:
    assert site(tmp_path, PAGE) == 0
    built = (tmp_path / "site" / "docs" / "README.html").read_text("utf-8")
    assert 'href="page.html"' in built
    assert "docs/README.html" in (tmp_path / "site" / "index.html").read_text("utf-8")


def test_all_that_leads_nowhere_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert site(tmp_path, PAGE + "\n".join(WRONG)) == 1
    said = capfd.readouterr().err.splitlines()
    assert len(said) == len(WRONG)
    assert [told for told in WRONG.values() if not any(told in line for line in said)] == []


def test_a_page_that_no_line_leads_to_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert site(tmp_path, PAGE, lonely="# Lonely\n") == 1
    assert "lonely.md" in capfd.readouterr().err


def test_the_navigation_is_the_lists_of_the_page() -> None:
    text = HOME + "\n## Reference\n\n- [B](b.md)\n- no link\n- [C](../c.md#d): words\n"
    [_, first, second] = toctrees("docs/README", text).split("```{toctree}\n")
    assert first.splitlines()[:3] == [":caption: Tutorial", ":hidden:", "Page <page>"]
    assert second.splitlines()[:3] == [":caption: Reference", ":hidden:", "B <b>"]
    assert toctrees("docs/page", text) == ""


def test_anchors_are_those_of_the_forges() -> None:
    assert slug_of("`~`, layout 2: A_b - c?") == "-layout-2-a_b---c"


def test_requests_to_other_hosts_are_found(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<a href="https://a.example"></a><img src="/own.png"><script src="https://b.example/x.js">'
        '</script><link rel="canonical" href="https://c.example"><link href="//d.example/f.css">'
    )
    found = [address for _, address in foreign_requests(tmp_path)]
    assert found == ["https://b.example/x.js", "//d.example/f.css"]
