"""`profiler`, with a fault on purpose: a profile has a name that the description does not know.

python -m tests.service.planted serve …
"""

from typing import Any

from profiler.cli import main
from profiler.profiles.inspect import StoredProfile

_right = StoredProfile.document


def _wrong(stored: StoredProfile, visitor_id: str) -> dict[str, Any]:
    return {**_right(stored, visitor_id), "more": 1}


if __name__ == "__main__":
    StoredProfile.document = _wrong  # type: ignore[method-assign, assignment]
    main()
