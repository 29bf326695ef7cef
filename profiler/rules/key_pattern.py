"""The pattern of the visitors' keys: what makes one that spreads visitors over a cluster."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

_ID = "<id>"


def require_spread(pattern: str) -> str:
    """Return a pattern as it is, e.g. ``visitor:{<id>}``.

    Raises:
        ValueError: it has no single place for the id, or its braces pin all visitors to one slot
            of a cluster, or mean nothing.
    """
    if pattern.count(_ID) != 1:
        raise ValueError("key must contain <id> exactly once")
    # As a cluster finds the hash tag: from the first { to the first } behind it.
    _, brace, behind = pattern.partition("{")
    tag, end, _ = behind.partition("}")
    if brace and not end:
        raise ValueError("key has a { without a }; its hash tag is {<id>}, or leave braces out")
    if "}" in pattern and not brace:
        # No other key could be put into the same slot.
        raise ValueError("key has a } without a {; its hash tag is {<id>}, or leave braces out")
    if brace and _ID not in tag:
        raise ValueError(
            "the hash tag, in the first pair of braces, must hold <id>, else all visitors live in"
            " one slot of a cluster; write {<id>}, and no braces before it"
        )
    return pattern


KeyPattern = Annotated[str, StringConstraints(max_length=256), AfterValidator(require_spread)]
