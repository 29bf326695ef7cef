"""The files of vectors, by name."""

from tools.vectors import (
    arguments,
    article,
    order,
    redelivery,
    states,
    texts,
    times,
    visits,
)
from tools.vectors.layout import text_of

THEMES = {
    "visits": visits,
    "order": order,
    "redelivery": redelivery,
    "times": times,
    "texts": texts,
    "arguments": arguments,
    "states": states,
    "article": article,
}


def files() -> dict[str, str]:
    """Return the text of every file of vectors, by name."""
    return {f"{name}.json": text_of(list(theme.vectors())) for name, theme in THEMES.items()}
