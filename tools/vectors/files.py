"""The files of vectors, by name."""

from tools.vectors import (
    arguments,
    article,
    forgotten,
    identities,
    migration,
    mixed,
    numbers,
    order,
    permutations,
    reads,
    redelivery,
    rules,
    sizes,
    states,
    texts,
    times,
    visits,
)
from tools.vectors.layout import text_of

THEMES = {
    "visits": visits,
    "forgotten": forgotten,
    "order": order,
    "permutations": permutations,
    "redelivery": redelivery,
    "identities": identities,
    "times": times,
    "numbers": numbers,
    "rules": rules,
    "texts": texts,
    "sizes": sizes,
    "reads": reads,
    "arguments": arguments,
    "states": states,
    "migration": migration,
    "article": article,
    "mixed": mixed,
}


def files() -> dict[str, str]:
    """Return the text of every file of vectors, by name."""
    return {f"{name}.json": text_of(list(theme.vectors())) for name, theme in THEMES.items()}
