"""The files of vectors of the derived inputs, by name."""

from tools.vectors.derived import addresses, bots, campaigns, channels, referrers
from tools.vectors.derived.builders import Vector, text_of

THEMES = {
    "addresses": addresses,
    "referrers": referrers,
    "campaigns": campaigns,
    "channels": channels,
    "bots": bots,
}


def derived_vectors() -> dict[str, list[Vector]]:
    """All vectors, by theme."""
    return {name: list(theme.vectors()) for name, theme in THEMES.items()}


def derived_files() -> dict[str, str]:
    """The text of every file, by its path below the folder of vectors."""
    return {f"derived/{name}.json": text_of(each) for name, each in derived_vectors().items()}
