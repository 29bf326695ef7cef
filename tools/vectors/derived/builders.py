"""What a vector of the derived inputs is, and the text of a file of them."""

import json
from collections.abc import Iterable
from typing import Any

Vector = dict[str, Any]

#: The page where nothing else is said.
PAGE = "https://www.shop.example/tents"


def vector(
    name: str,
    why: str,
    *,
    url: str = "",
    referrer: str = "",
    user_agent: str = "",
    table: dict[str, Any] | None = None,
    **derived: str,
) -> Vector:
    """A vector.

    Args:
        name: unique among all files.
        why: what breaks when it fails.
        url: of the event, like the next two.
        referrer: likewise.
        user_agent: likewise.
        table: of the rules file, but for the fields' names.
        derived: what must come of it, by names; of ``query`` a parameter's name follows after
            two underscores.
    """
    return {
        "name": name,
        "why": why,
        "table": table or {},
        "event": {"url": url, "referrer": referrer, "user_agent": user_agent},
        "derived": {f"derived.{of.replace('__', '.')}": text for of, text in derived.items()},
    }


def rows(text: str) -> list[list[str]]:
    """A table: a row a line, and a bar between two cells."""
    return [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]


def text_of(vectors: Iterable[Vector]) -> str:
    """JSON with a line for each member of a vector."""
    each = (
        "  {\n"
        + ",\n".join(f'    "{of}": {json.dumps(v, ensure_ascii=False)}' for of, v in one.items())
        + "\n  }"
        for one in vectors
    )
    return "[\n" + ",\n".join(each) + "\n]\n"
