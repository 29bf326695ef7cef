"""The navigation: what pages lead to, in the words of Sphinx."""

import re

_SECTION = re.compile(r"^## (?P<caption>.+)$", re.MULTILINE)
_ENTRY = re.compile(r"^- \[(?P<title>[^\]]+)\]\((?P<page>[^)#]+)\.md\)", re.MULTILINE)

#: All other pages of the folder, which no line of the page names.
_ALL = {"docs/adr/README": "0*", "docs/runbooks/README": "[a-z]*"}


def toctrees(page: str, text: str) -> str:
    """What stands behind a page's text so that Sphinx knows where it leads to.

    The page docs/README.md lists all pages, and each of its sections is one of the navigation. Its
    entries are the lines that begin with a link: ``- [Title](page.md)``.
    """
    if page in _ALL:
        return _toctree("", [_ALL[page]], "glob")
    if page != "docs/README":
        return ""
    _, *parts = _SECTION.split(text)
    captions = zip(parts[::2], parts[1::2], strict=True)
    return "".join(
        _toctree(caption, [f"{title} <{place}>" for title, place in _ENTRY.findall(entries)])
        for caption, entries in captions
    )


def _toctree(caption: str, entries: list[str], *options: str) -> str:
    given = [f"caption: {caption}"] if caption else []
    lines = [f":{option}" for option in (*given, "hidden:", *(f"{each}:" for each in options))]
    lines += entries
    return "\n```{toctree}\n" + "\n".join(lines) + "\n```\n"
