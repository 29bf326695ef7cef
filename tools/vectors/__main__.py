"""Write the conformance vectors, lua/vectors/*.json: `python -m tools.vectors`."""

import json
import sys
from pathlib import Path

from tools.vectors.files import files

VECTORS = Path(__file__).parent.parent.parent / "lua" / "vectors"


def main() -> int:
    """Write the files."""
    for name, text in files().items():
        (VECTORS / name).write_text(text, encoding="utf-8")
        print(f"{VECTORS.name}/{name}: {len(json.loads(text))} vectors, {len(text.encode())} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
