"""Makes the calls of a file in order, as they can be read, by the script of `lean`.

The file has lines ``{"key": …, "argv": […]}``. Ends with one line ``{"calls": n, "events": n}``.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from profiler import ProfileScript, Rejected
from profiler.errors import StoreUnavailableError

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
ATTEMPTS = 100
BACKOFF_S = 0.02


def repeated(script: ProfileScript, key: str, argv: Sequence[str]) -> int:
    """Make one call, again where the server cannot now; returns how many answers it brought."""
    for _ in range(ATTEMPTS - 1):
        try:
            return answers(script, key, argv)
        except StoreUnavailableError:
            time.sleep(BACKOFF_S)
    return answers(script, key, argv)


def answers(script: ProfileScript, key: str, argv: Sequence[str]) -> int:
    """Make one call."""
    reply = script.call([key], argv)
    if isinstance(reply, Rejected):
        sys.exit(f"{reply.code} {reply.reason}")
    return len(reply)


def main() -> int:
    """Return the exit code."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and its argument
        sys.exit("usage: run_stream.py FILE")
    script = ProfileScript.connect(URL, "lean")
    with Path(sys.argv[1]).open(encoding="utf-8") as lines:
        brought = [repeated(script, **json.loads(line)) for line in lines]
    print(json.dumps({"calls": len(brought), "events": sum(brought)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
