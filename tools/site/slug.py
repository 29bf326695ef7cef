"""The anchor of a heading, as the forges that show the source make it."""

import re


def slug_of(heading: str, _separator: str = "-") -> str:
    """Lower case, without punctuation, each space a hyphen."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
