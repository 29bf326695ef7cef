"""The files of vectors, by name."""

from tools.vectors import (
    arguments,
    article,
    mixed,
    order,
    permutations,
    redelivery,
    sizes,
    states,
    texts,
    times,
    visits,
)
from tools.vectors.layout import text_of

THEMES = {
    "visits": visits,
    "order": order,
    "permutations": permutations,
    "redelivery": redelivery,
    "times": times,
    "texts": texts,
    "sizes": sizes,
    "arguments": arguments,
    "states": states,
    "article": article,
    "mixed": mixed,
}


def files() -> dict[str, str]:
    """Return the text of every file of vectors, by name."""
    return {f"{name}.json": text_of(list(theme.vectors())) for name, theme in THEMES.items()}
