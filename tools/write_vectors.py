"""Writes the conformance vectors, `lua/vectors/*.json`, from what the oracles of the tests say.

    python -m tools.write_vectors [--check]

With ``--check`` it writes nothing, names every stale file, and ends with 1 when there is one. The
package has no such command: it does not carry a second implementation of the profile.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.vectors.files import files

DIRECTORY = Path(__file__).parent.parent / "lua" / "vectors"


def stale(directory: Path = DIRECTORY) -> Iterator[tuple[Path, str]]:
    """Yield every file that is not as it should be, and what it should be."""
    for name, text in files().items():
        path = directory / name
        if not path.exists() or path.read_text("utf-8") != text:
            yield path, text


def main(arguments: Sequence[str]) -> int:
    """Write what is stale, or name it; return the exit code."""
    found = list(stale())
    if "--check" in arguments:
        print("\n".join(f"stale: {path}" for path, _ in found) or "the vectors are fresh")
        return 1 if found else 0
    for path, text in found:
        path.write_text(text, "utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
