"""Findings of rules files as tests write them."""

import re


def without_columns(refused: object) -> str:
    """The findings as ``file:line: …``."""
    return re.sub(r"(?m)^([^: ]+:[0-9]+):[0-9]+: ", r"\1: ", str(refused))
