"""Sphinx's configuration for the site of the documentation; `python -m tools.site` builds it.

The pages are read where they are in the tree, so a link is right on the site exactly where it is
right in the source. What the navigation holds, docs/README.md says.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from profiler import __version__  # noqa: E402 - found by the path above
from tools.site.navigation import toctrees  # noqa: E402

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "Visitor profiler"
version = release = __version__
copyright = ""  # noqa: A001 - Sphinx's name; the licence is in the tree
extensions = ["myst_parser"]
include_patterns = [
    "*.md",
    "docs/*.md",
    "docs/adr/*.md",
    "docs/runbooks/*.md",
    "deploy/helm/*/README.md",
    "clients/*/README.md",
    "lua/vectors/README.md",
]
root_doc = "docs/README"

myst_heading_anchors = 6
# By its name: a function could not be kept between two builds.
myst_heading_slug_func = "tools.site.slug.slug_of"

# Lua is quoted in parts, which are no programs.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = "Visitor profiler"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_extra_path = ["start"]


def setup(app: "Sphinx") -> None:
    """Let each page that leads to others say so in Sphinx's own words."""
    app.connect("source-read", _add_toctrees)


def _add_toctrees(_app: "Sphinx", page: str, source: list[str]) -> None:
    source[0] += toctrees(page, source[0])
