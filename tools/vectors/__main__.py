"""Writes the conformance vectors, which are committed.

    python -m tools.vectors [--check] [--scripts]

With ``--check`` it writes nothing, names every stale file, and ends with 1 when there is one. With
``--scripts`` it looks at the renderings of the vectors' own rules only, which takes less time.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.vectors.files import files, scripts

VECTORS = Path(__file__).parents[2] / "lua" / "vectors"


def stale(directory: Path, texts: Mapping[str, str]) -> dict[Path, str]:
    """Return the text of every file that is not as it should be, by path."""
    by_path = {directory / name: text for name, text in texts.items()}
    return {
        path: text
        for path, text in by_path.items()
        if not path.exists() or path.read_text("utf-8") != text
    }


def main(arguments: Sequence[str], directory: Path = VECTORS) -> int:
    """Write what is stale, or name it; return the exit code."""
    found = stale(directory, scripts() if "--scripts" in arguments else files())
    if "--check" in arguments:
        print("\n".join(f"stale: {path}" for path in found) or "the vectors are fresh")
        return 1 if found else 0
    for path, text in found.items():
        path.write_text(text, "utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
