"""Builds the documentation into a site, and refuses what leads nowhere.

    python -m tools.site [TREE SITE]

TREE is this tree, and SITE is build/site, unless they are named. Ends with 1 where a link or an
anchor leads nowhere, a page is not in the navigation, or the site would ask another host for
anything. It asks no host either.
"""

import os
import subprocess
import sys
from pathlib import Path

from tools.site.requests import foreign_requests

ROOT = Path(__file__).parents[2]


def main(tree: str = str(ROOT), site: str = str(ROOT / "build" / "site")) -> int:
    """Return the exit code."""
    # -W: a warning is an error; --keep-going: all of them are said.
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-j", "auto"]
    places = ["-c", str(Path(__file__).parent), "-d", f"{site}-cache", tree, site]
    if subprocess.run([*command, *places], check=False).returncode != 0:
        return 1
    foreign = sorted(foreign_requests(Path(site)))
    for page, address in foreign:
        print(f"{page}: asks {address}")
    print(f"{len([*Path(site).rglob('*.html')])} pages in {os.path.relpath(site)}")
    return 1 if foreign else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
